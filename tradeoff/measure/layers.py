"""What each layer of a network costs, from one pass on the meta device, where tensors have shapes and no content."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from tradeoff.measure import operators
from tradeoff.measure.operators import MULTIPLY_ADDS, Entry

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """What the operators cost that one module calls itself; those of the modules inside it are in their own rows.

    name: the module's path; empty for the network itself.
    operations: counts by class of operator (see `operators`); a class that only moves data has none.
    output: the shape of what the module returns, for a batch of one clip.
    kernel: of its convolution or pool, in the order of its axes; None where it has neither.
    params: the learnable numbers that its operators are the first to read.
    weights: those without biases and norms: parameters of more than one axis.
    bytes_moved: what its operators read and write.
    peak_bytes: the most bytes of tensors alive at once while its operators compute: the clip and what is computed from
        it, wherever it waits, and not the weights.
    """

    name: str
    operations: Mapping[str, int]
    output: Shape
    kernel: Shape | None
    params: int
    weights: int
    bytes_moved: int
    peak_bytes: int = 0

    @property
    def macs(self) -> int:
        """Multiply-adds of its convolutions and matrix products."""
        return sum(self.operations.get(kind, 0) for kind in MULTIPLY_ADDS)

    @property
    def kind(self) -> str:
        """The class of operator that it spends most on, a convolution or matrix product before any other."""
        if not self.operations:
            return "move"
        return max(self.operations, key=lambda kind: (kind in MULTIPLY_ADDS, self.operations[kind]))


@dataclass
class _Row:
    """A layer while it is being counted."""

    operations: Counter[str] = field(default_factory=Counter)
    output: Shape = ()
    kernel: Shape | None = None
    params: int = 0
    weights: int = 0
    bytes_moved: int = 0
    peak_bytes: int = 0

    def add(self, entry: Entry, args: Any, result: Any) -> None:
        self.output = next((tuple(tensor.shape) for tensor in _tensors([result])), self.output)
        self.kernel = self.kernel or entry.kernel(args)
        if entry.handler is not None:
            self.operations[entry.kind] += entry.handler(result, *args)

    def own(self, parameters: Iterable[Tensor]) -> None:
        for parameter in parameters:
            self.params += parameter.numel()
            self.weights += parameter.numel() if parameter.ndim > 1 else 0

    def finish(self, name: str) -> Layer:
        return Layer(name, **{each.name: getattr(self, each.name) for each in fields(self)})


class LayerCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operator of one pass of a network that is on the meta device and in evaluation mode.

    `count` gives the layers; after it, `peak_bytes` is the most bytes of tensors alive at once (the clip and what is
    computed from it, not the weights).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak_bytes = 0
        self._network = network
        self._names = {module: name for name, module in network.named_modules()}
        self._path = [""]
        self._rows: dict[str, _Row] = {}
        self._unread = _by_storage(network.parameters())
        self._live: dict[int, int] = {}

    def count(self, shape: Shape) -> tuple[Layer, ...]:
        """The layers of one pass on a batch of `shape`, in the order in which they first compute something.

        Raises InputError for an operator that `operators` does not list.
        """
        with ExitStack() as stack:
            # Hooks on all modules at once: hooks on each would take longer to register than the pass takes.
            for hook in (register_module_forward_pre_hook(self._enter), register_module_forward_hook(self._leave)):
                stack.callback(hook.remove)
            stack.enter_context(torch.no_grad())
            stack.enter_context(_as_executed())
            stack.enter_context(self)
            # Made inside, so that the clip is alive like every other tensor; not kept, as a caller need not either.
            self._network(torch.empty(shape, device="meta"))
        return tuple(row.finish(name) for name, row in self._rows.items())

    def _enter(self, module: nn.Module, arguments: Any) -> None:
        if module in self._names:  # not a module of another network, in another thread
            self._path.append(self._names[module])

    def _leave(self, module: nn.Module, arguments: Any, output: Any) -> None:
        if module in self._names:
            row = self._rows.get(self._path.pop())
            if row is not None:
                row.output = next((tuple(tensor.shape) for tensor in _tensors([output])), row.output)

    def __torch_dispatch__(self, function: OpOverload, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        entry = operators.entry(function)
        if entry is None:
            return self._count_parts(function, args, kwargs or {})
        result = _evaluate(function, entry, args, kwargs or {})
        if entry.kind != "view":
            self._record(entry, args, result)
        return result

    def _count_parts(self, function: OpOverload, args: Any, kwargs: Any) -> Any:
        """Inside a network's own inference_mode, operators made of others arrive whole."""
        with self:
            result = function.decompose(*args, **kwargs)
        if result is NotImplemented:
            raise operators.unknown(function)
        return result

    def _record(self, entry: Entry, args: Any, result: Any) -> None:
        given = [(tensor, tensor.untyped_storage()) for tensor in _tensors(args)]
        made = [(tensor, tensor.untyped_storage()) for tensor in _tensors([result])]
        if entry.moves:
            row = self._rows.setdefault(self._path[-1], _Row())
            row.add(entry, args, result)
            # Of a tensor that was expanded from fewer elements, those are read.
            read = (min(tensor.nbytes, storage.nbytes()) for tensor, storage in given[entry.overwrites :])
            row.bytes_moved += sum(read)
            row.bytes_moved += sum(tensor.nbytes for tensor, _ in made)
            for _, storage in given:
                row.own(self._unread.pop(storage._cdata, ()))
        known = {storage._cdata for _, storage in given}
        for _, storage in made:
            if storage._cdata not in known and storage._cdata not in self._live:
                self._hold(storage)
        if entry.moves:
            row.peak_bytes = max(row.peak_bytes, sum(self._live.values()))

    def _hold(self, storage: torch.UntypedStorage) -> None:
        """Memory that an operator took, until it is freed."""
        self._live[storage._cdata] = storage.nbytes()
        self.peak_bytes = max(self.peak_bytes, sum(self._live.values()))
        weakref.finalize(storage, self._live.pop, storage._cdata)


@contextmanager
def _as_executed() -> Iterator[None]:
    """A training here may have asked for deterministic algorithms, and some operators then arrive in pieces."""
    before, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warns)


def _evaluate(function: OpOverload, entry: Entry, args: Any, kwargs: Any) -> Any:
    if entry.name == "native_batch_norm" and not args[5]:
        # PyTorch works this out on the meta device in Python, a statement at a time: most of a pass would be that.
        x: Tensor = args[0]
        channels = (x.shape[1],)
        out = torch.empty(x.shape, dtype=x.dtype, device=x.device) if x.is_contiguous() else torch.empty_like(x)
        return out, torch.empty(channels, device=x.device), torch.empty(channels, device=x.device)
    return function(*args, **kwargs)


def _by_storage(parameters: Iterable[Tensor]) -> dict[int, list[Tensor]]:
    """Parameters by the memory they are in: a view of one, such as its transpose, is in the same."""
    owners: dict[int, list[Tensor]] = {}
    for parameter in parameters:
        owners.setdefault(parameter.untyped_storage()._cdata, []).append(parameter)
    return owners


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
