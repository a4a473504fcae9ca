"""torch.compile: the operators between convolutions fused by inductor, weights as arguments or as constants."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.measure.runtimes.base import Deployed, Runtime
from tradeoff.measure.runtimes.quiet import quiet
from tradeoff.measure.runtimes.torch_module import fetch, precisions, put
from tradeoff.networks.folding import fold_batch_norm

MODE = "default"


class Compile(Runtime):
    """Weights are arguments of the compiled graph."""

    name = "compile"
    packages = ("triton",)  # on a GPU
    layouts = ("channels_last_3d", "contiguous")
    freezing: ClassVar[bool] = False

    def precisions(self, device: torch.device) -> tuple[str, ...]:
        return precisions(device)

    def missing(self) -> str | None:
        if _has_compiler():
            return None
        return f"runtime {self.name} needs a C++ compiler: install g++, or name one in CXX"

    def deploy(self, network: nn.Module, clips: Tensor, protocol: LatencyProtocol, device: torch.device) -> Deployed:
        import torch._inductor.config as inductor
        from torch._dynamo.utils import counters

        # Inductor leaves batch norm as it is unless it freezes; a frozen graph has fewer constants left to fold.
        folded = fold_batch_norm(network)
        network, put_there = put(network, protocol, device)

        def place(batch: Tensor) -> Tensor:
            # Always a tensor made in inference mode: given another kind, the network would be compiled once more.
            with torch.inference_mode():
                placed = put_there(batch)
                return placed if placed.is_inference() else placed.clone(memory_format=torch.preserve_format)

        torch._dynamo.reset()  # or a graph of an earlier deployment of the same class might be taken for this one's
        counters.clear()
        compiled = torch.compile(network, dynamic=False, mode=MODE)
        run = torch.inference_mode()(compiled)
        # Compilation is lazy: it happens in this call, and freezing is looked up there. Freezing needs gradients off.
        # The logger warns that there is no CUDA runtime where a CUDA toolkit is installed and no GPU is.
        with inductor.patch(freezing=self.freezing), quiet("torch.utils.cpp_extension"):
            fetch(run(place(clips)))
        return Deployed(place, run, fetch, {"batch_norms_folded": folded, "mode": MODE} | _compilation(counters))


class CompileFrozen(Compile):
    """Weights are constants of the graph: inductor folds them and lays them out for the kernels that take them."""

    name = "compile-frozen"
    freezing = True


def _compilation(counters: Any) -> dict[str, Any]:
    """How many graphs were compiled, and where they came from: compile time means little after a `hit`. A frozen graph
    goes by the cache (`bypass`), though the kernels that were built for it are kept."""
    outcomes = {outcome: counters["inductor"][f"fxgraph_cache_{outcome}"] for outcome in ("hit", "miss", "bypass")}
    return {
        "graphs": counters["stats"]["unique_graphs"],
        "graph_breaks": sum(counters["graph_break"].values()),
        "graph_cache": {outcome: count for outcome, count in outcomes.items() if count},
    }


def _has_compiler() -> bool:
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        return False
    return True
