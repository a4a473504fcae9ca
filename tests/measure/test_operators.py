"""Each operator's count against a number worked out by hand, written as a product of what it multiplies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from tradeoff.errors import InputError
from tradeoff.measure import operators
from tradeoff.measure.layers import LayerCounter

aten = torch.ops.aten


class Call(nn.Module):
    """A function as a network."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


class Case(NamedTuple):
    what: str
    network: nn.Module | Callable[[Tensor], Any]
    shape: tuple[int, ...]
    operations: dict[str, int]


def network_of(case: Case) -> nn.Module:
    return case.network if isinstance(case.network, nn.Module) else Call(case.network)


def counted(network: nn.Module, shape: tuple[int, ...]) -> tuple[dict[str, int], int]:
    """Operations by class without those of which there are none, and bytes moved."""
    total: Counter[str] = Counter()
    layers = LayerCounter(network.to("meta").eval()).count(shape)
    for layer in layers:
        total.update(layer.operations)
    return {kind: number for kind, number in total.items() if number}, sum(layer.bytes_moved for layer in layers)


def other(*shape: int) -> Tensor:
    return torch.empty(shape, device="meta")


def elementwise(name: str, kind: str, function: Callable[[Tensor], Any]) -> Case:
    return Case(name, function, (2, 3, 5), {kind: 2 * 3 * 5})


Q, KV = (2, 3, 5, 7), (2, 3, 9, 7)  # clips, heads, steps, channels: 5 queries, 9 keys and values
SCORES = 2 * 3 * 5 * 9
FUSED = {"matmul": SCORES * 7 + SCORES * 7}

CASES = [
    Case(
        "convolution",
        nn.Conv3d(3, 4, (1, 3, 3), padding=(0, 1, 1)),
        (1, 3, 2, 5, 6),
        {"convolution": 4 * 2 * 5 * 6 * 3 * 9},
    ),
    Case("stride", nn.Conv2d(3, 4, 3, stride=2), (1, 3, 7, 9), {"convolution": 4 * 3 * 4 * 3 * 9}),
    Case("groups", nn.Conv3d(4, 8, (3, 1, 1), groups=2), (1, 4, 5, 2, 2), {"convolution": 8 * 3 * 2 * 2 * 2 * 3}),
    Case("transposed", nn.ConvTranspose2d(3, 5, 2, stride=2), (1, 3, 4, 4), {"convolution": 3 * 4 * 4 * 5 * 2 * 2}),
    Case("linear", nn.Linear(7, 11), (6, 7), {"matmul": 6 * 7 * 11}),
    Case("linear without bias", nn.Linear(7, 11, bias=False), (6, 7), {"matmul": 6 * 7 * 11}),
    Case("linear on steps", nn.Linear(7, 11), (2, 6, 7), {"matmul": 2 * 6 * 7 * 11}),
    Case("linear, whole", lambda x: aten.linear(x, other(11, 7)), (2, 6, 7), {"matmul": 2 * 6 * 7 * 11}),
    Case("matmul", lambda x: x @ other(4, 6, 8), (4, 5, 6), {"matmul": 4 * 5 * 6 * 8}),
    Case("matrix and vector", lambda x: x @ other(6), (5, 6), {"matmul": 5 * 6}),
    Case("dot", lambda x: x @ x, (6,), {"matmul": 6}),
    Case("einsum", lambda x: torch.einsum("bct,dc->bdt", x, other(5, 3)), (2, 3, 4), {"matmul": 2 * 3 * 4 * 5}),
    Case("baddbmm", lambda x: torch.baddbmm(other(4, 5, 8), x, other(4, 6, 8)), (4, 5, 6), {"matmul": 4 * 5 * 6 * 8}),
    Case("addmv", lambda x: torch.addmv(other(5), x, other(6)), (5, 6), {"matmul": 5 * 6}),
    Case(
        "attention",
        lambda x: F.scaled_dot_product_attention(x, other(*KV), other(*KV)),
        Q,
        FUSED | {"softmax": 5 * SCORES, "product": 2 * 3 * 5 * 7 + 2 * 3 * 9 * 7},  # query and key are both scaled
    ),
    Case(
        "fused attention",
        lambda x: aten._scaled_dot_product_flash_attention_for_cpu(x, other(*KV), other(*KV)),
        Q,
        FUSED,
    ),
    Case(
        "attention with other values",
        lambda x: aten._scaled_dot_product_fused_attention_overrideable(x, other(*KV), other(2, 3, 9, 4)),
        Q,
        {"matmul": SCORES * 7 + SCORES * 4},
    ),
    Case(
        "max-pool 3D",
        nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        (1, 2, 4, 6, 6),
        {"pool": 2 * 4 * 3 * 3 * 9},
    ),
    Case("max-pool 2D", nn.MaxPool2d(2), (1, 2, 6, 6), {"pool": 2 * 3 * 3 * 4}),
    Case("average pool", nn.AvgPool3d((2, 3, 3), stride=1), (1, 2, 4, 5, 6), {"pool": 2 * 3 * 3 * 4 * (18 + 1)}),
    # Five rows to two: rows 0-2 and 2-4, six in all; four columns to two: 0-1 and 2-3.
    Case("adaptive pool", nn.AdaptiveAvgPool3d((1, 2, 2)), (1, 3, 2, 5, 4), {"pool": 3 * 2 * 6 * 4 + 3 * 1 * 2 * 2}),
    Case("adaptive pool 2D", nn.AdaptiveAvgPool2d(2), (1, 3, 5, 4), {"pool": 3 * 6 * 4 + 3 * 2 * 2}),
    Case("batch norm", nn.BatchNorm3d(2), (1, 2, 3, 4, 5), {"norm": 2 * 3 * 4 * 5}),
    Case(
        "batch norm, evaluation's own",
        lambda x: aten._native_batch_norm_legit_no_training(x, None, None, other(2), other(2), 0.1, 1e-3),
        (1, 2, 3),
        {"norm": 2 * 3},
    ),
    Case("instance norm", nn.InstanceNorm3d(2), (1, 2, 3, 4, 5), {"norm": 4 * 2 * 3 * 4 * 5}),
    Case("instance norm, scaled", nn.InstanceNorm3d(2, affine=True), (1, 2, 3, 4, 5), {"norm": 5 * 2 * 3 * 4 * 5}),
    Case("layer norm", nn.LayerNorm(6), (2, 6), {"norm": 5 * 2 * 6}),
    Case("layer norm, plain", nn.LayerNorm(6, elementwise_affine=False), (2, 6), {"norm": 4 * 2 * 6}),
    Case("group norm", nn.GroupNorm(2, 4), (1, 4, 5), {"norm": 5 * 4 * 5}),
    *(
        elementwise(function.__name__, "activation", function)
        for function in (torch.relu, torch.sigmoid, torch.tanh, F.gelu, F.silu, F.hardswish, torch.exp, torch.rsqrt)
    ),
    elementwise("in place", "activation", lambda x: F.relu(x, inplace=True)),
    elementwise("power", "activation", lambda x: x**2),
    elementwise("product", "product", lambda x: x * x),
    elementwise("broadcast product", "product", lambda x: x[:, :1] * other(1, 3, 1)),
    elementwise("division", "product", lambda x: x / 2),
    elementwise("addition", "add", lambda x: x + other(5)),
    elementwise("subtraction", "add", lambda x: 1 - x),
    elementwise("comparison", "comparison", lambda x: x > 0),
    Case("softmax", nn.Softmax(-1), (2, 3), {"softmax": 5 * 2 * 3}),
    Case("log-softmax", nn.LogSoftmax(-1), (2, 3), {"softmax": 5 * 2 * 3}),
    Case("mean", lambda x: x.mean((2, 3, 4)), (1, 2, 3, 4, 5), {"mean": 2 * 3 * 4 * 5 + 2}),
    Case("norm of vectors", lambda x: torch.linalg.vector_norm(x, dim=1), (3, 4), {"mean": 3 * 4 + 3}),
    Case("sum", lambda x: x.sum(1), (3, 4), {"reduction": 3 * 4}),
    Case("largest", lambda x: x.amax(1), (3, 4), {"reduction": 3 * 4}),
    Case("largest, and where", lambda x: x.max(dim=1), (3, 4), {"reduction": 3 * 4}),
    Case("variance", lambda x: x.var(dim=1), (3, 4), {"reduction": 3 * 3 * 4 + 3}),
    Case("linear interpolation", nn.Upsample(scale_factor=2, mode="linear"), (1, 3, 4), {"interpolation": 3 * 8 * 2}),
    Case("bilinear", nn.Upsample(scale_factor=2, mode="bilinear"), (1, 3, 4, 5), {"interpolation": 3 * 8 * 10 * 4}),
    Case(
        "trilinear",
        nn.Upsample(scale_factor=2, mode="trilinear"),
        (1, 3, 2, 4, 5),
        {"interpolation": 3 * 4 * 8 * 10 * 8},
    ),
    Case("nearest", nn.Upsample(scale_factor=2), (1, 3, 4, 5), {}),
    Case("dropout in evaluation", nn.Dropout(0.5), (3, 4), {}),
    Case("moves", lambda x: torch.cat([F.pad(x, (1, 2)).roll(1), x.clone()], dim=1), (3, 4), {}),
    Case("views", lambda x: x.reshape(2, 6).t().unsqueeze(0).expand(3, 6, 2)[..., 1].chunk(2), (3, 4), {}),
]


def test_a_training_before_changes_no_count() -> None:
    case = next(each for each in CASES if each.what == "trilinear")
    torch.use_deterministic_algorithms(True)
    try:
        assert counted(network_of(case), case.shape)[0] == case.operations
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_operations_by_hand(case: Case) -> None:
    assert counted(network_of(case), case.shape)[0] == case.operations


def test_every_handler_has_a_case() -> None:
    class Names(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            found = operators.entry(function)
            if found is not None:
                handlers.add(found.handler)
            return function(*args, **(kwargs or {}))

    handlers: set[Any] = set()
    for case in CASES:
        with torch.no_grad(), Names():
            network_of(case).to("meta").eval()(other(*case.shape))
    missing = {kind for kind, handler in operators.OPERATORS.values() if handler not in handlers}
    assert missing == set()


def test_every_name_in_the_lists_is_an_operator_of_one_list() -> None:
    lists = [set(operators.OPERATORS), operators.MOVES, operators.VIEWS, operators.ALLOCATIONS]
    names = [name for each in lists for name in each]
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(aten, name)] == []
    assert {kind for kind, _ in operators.OPERATORS.values()} == set(operators.CLASSES)


def test_bytes_by_hand() -> None:
    def bytes_of(network: nn.Module | Callable[[Tensor], Any], *shape: int) -> int:
        return counted(network if isinstance(network, nn.Module) else Call(network), shape)[1]

    assert bytes_of(nn.Conv2d(1, 2, 1), 1, 1, 4, 4) == 4 * (16 + 2 + 2 + 2 * 16)  # input, weights, biases, output
    assert bytes_of(nn.ReLU(inplace=True), 3, 4) == 4 * (12 + 12)
    assert bytes_of(lambda x: x.expand(3, 4) + other(3, 4), 1, 4) == 4 * (4 + 12 + 12)  # four numbers, read once
    assert bytes_of(lambda x: torch.cat([x, x]), 3, 4) == 4 * (12 + 12 + 24)
    assert bytes_of(lambda x: other(3, 4).copy_(x), 3, 4) == 4 * (12 + 12)  # what is overwritten is not read
    assert bytes_of(nn.MaxPool2d(2), 1, 1, 4, 4) == 4 * 16 + (4 + 8) * 4  # indices are 64-bit integers
    assert bytes_of(lambda x: x.reshape(2, 6).t()[1:], 3, 4) == 0
    assert bytes_of(lambda x: torch.zeros(5, device="meta"), 3, 4) == 4 * 5


def test_an_operator_in_no_list_is_an_error_that_names_it() -> None:
    with pytest.raises(InputError, match=r"aten\.erfinv .*OPERATORS.*tradeoff/measure/operators\.py"):
        counted(Call(lambda x: x.relu().erfinv()), (3, 4))


def test_an_operator_of_the_users_own_is_an_error_that_names_it() -> None:
    @torch.library.custom_op("tradeoff_tests::triple", mutates_args=())
    def triple(x: Tensor) -> Tensor:
        return 3 * x

    triple.register_fake(torch.empty_like)
    with pytest.raises(InputError, match=r"tradeoff_tests\.triple"):
        counted(Call(triple), (3, 4))


def test_inference_mode_inside_a_network_changes_nothing() -> None:
    """There PyTorch hands over linear, matmul, conv3d and attention whole, not as the operators they consist of."""

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.linear = nn.Conv3d(1, 6, 3, padding=1), nn.Linear(6, 6, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            steps = self.linear(self.conv(x).flatten(2).transpose(1, 2))
            return F.scaled_dot_product_attention(steps, steps, steps) @ steps.transpose(1, 2)

    class Inference(Network):
        @torch.inference_mode()
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x)

    shape = (1, 1, 2, 3, 4)
    plain, inference = counted(Network(), shape)[0], counted(Inference(), shape)[0]
    assert plain["convolution"] == 6 * 24 * 27
    assert plain["matmul"] == 24 * 6 * 6 + 24 * 24 * (6 + 6) + 24 * 6 * 24
    assert inference == plain
