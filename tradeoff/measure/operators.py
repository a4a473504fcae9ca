"""What each aten operator costs: one table from its name to its class and to a function that counts.

A multiply-add is one operation, and so is a comparison, an addition, a product or one evaluation of a function such
as the sigmoid, however many instructions a processor takes for it. A bias of a convolution or matrix product is what
its sum starts from and adds nothing. Where padding is inside an operator, its zeros count like every other element.

A handler takes an operator's result and its arguments and returns how many operations it stands for. What only moves
data, only looks at it in another shape or only takes memory is listed too, so that an operator in none of the lists
is an error and never a silent zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torch import Tensor
from torch._ops import OpOverload

from tradeoff.errors import InputError

Handler = Callable[..., int]

CLASSES: dict[str, str] = {
    "convolution": "multiply-adds",
    "matmul": "multiply-adds",
    "pool": "a comparison or addition an element of each window, a division an average",
    "norm": "a multiply-add an element; 5 where the statistics are the clip's own",
    "activation": "an evaluation an element",
    "product": "a product or division an element",
    "add": "an addition or subtraction an element",
    "comparison": "a comparison an element",
    "softmax": "5 an element",
    "mean": "an addition an input element, a division an output element",
    "reduction": "an addition or comparison an input element; 3 in a variance",
    "interpolation": "a multiply-add an output element and input element it is mixed from",
}
"""The classes of operators, with what is counted as an operation."""

MULTIPLY_ADDS = ("convolution", "matmul")
"""The classes whose operations are what the field calls MACs."""


def convolution(result: Tensor, x: Tensor, weight: Tensor, *settings: Any) -> int:
    """Multiply-adds: for each output element, the input channels of its group times the kernel's elements.

    A transposed convolution does as much for each input element; `weight` is (inputs, outputs / groups, *kernel) then.
    """
    _bias, _stride, _padding, _dilation, transposed = settings[:5]
    return (x if transposed else result).numel() * math.prod(weight.shape[1:])


def matrix_product(result: Tensor, a: Tensor, b: Tensor, *_: Any) -> int:
    """Multiply-adds of (..., n, k) x (..., k, m) or (n, k) x (k): n * k * m for each matrix of a batch."""
    return result.numel() * a.shape[-1]


def matrix_product_onto(result: Tensor, start: Tensor, a: Tensor, b: Tensor, *_: Any) -> int:
    """Multiply-adds of start + a x b, where the sum starts from `start`: as many as of a x b."""
    return matrix_product(result, a, b)


def attention(result: Any, query: Tensor, key: Tensor, value: Tensor, *_: Any) -> int:
    """Multiply-adds of softmax(query x key^T) x value on (..., L, E), (..., S, E), (..., S, V): L * S * (E + V) each.

    The softmax inside a fused operator is left out, so fused and unfused attention have equal multiply-adds.
    """
    return math.prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])


def max_pool(result: tuple[Tensor, Tensor], x: Tensor, kernel: Sequence[int], *_: Any) -> int:
    """A comparison for each output element and element of the kernel."""
    return result[0].numel() * math.prod(kernel)


def average_pool(result: Tensor, x: Tensor, kernel: Sequence[int], *_: Any) -> int:
    """An addition for each output element and element of the kernel, and a division for each output element."""
    return result.numel() * (math.prod(kernel) + 1)


def adaptive_average_pool(result: Tensor, x: Tensor, size: Sequence[int], *_: Any) -> int:
    """An addition for each element of each window, and a division for each output element.

    Along an axis of n elements, window i of m goes from floor(i * n / m) to ceil((i + 1) * n / m).
    """
    axes = zip(x.shape[2:], size, strict=True)
    lengths = [sum(-(-(i + 1) * n // m) - i * n // m for i in range(m)) for n, m in axes]
    return math.prod(x.shape[:2]) * math.prod(lengths) + result.numel()


def batch_norm(result: tuple[Tensor, ...], x: Tensor, weight: Tensor | None, *settings: Any) -> int:
    """In evaluation a multiply-add an element, as scale and shift are fixed; else as `statistics_norm`."""
    _bias, _mean, _variance, training = settings[:4]
    return statistics_norm(x, weight) if training else x.numel()


def fixed_batch_norm(result: tuple[Tensor, ...], x: Tensor, *_: Any) -> int:
    """The operator that evaluation has of its own: a multiply-add an element."""
    return x.numel()


def layer_norm(result: tuple[Tensor, ...], x: Tensor, shape: Any, weight: Tensor | None, *_: Any) -> int:
    return statistics_norm(x, weight)


def group_norm(result: tuple[Tensor, ...], x: Tensor, weight: Tensor | None, *_: Any) -> int:
    return statistics_norm(x, weight)


def statistics_norm(x: Tensor, weight: Tensor | None) -> int:
    """Five operations an element, four without scale and shift.

    An addition for the mean, a subtraction of it, a multiply-add for the variance, a product with 1 / deviation, and
    a multiply-add for scale and shift.
    """
    return x.numel() * (4 if weight is None else 5)


def elementwise(result: Tensor, *_: Any) -> int:
    """One operation for each element of the result."""
    return result.numel()


def softmax(result: Tensor, *_: Any) -> int:
    """Five operations an element: comparison for the maximum, subtraction, exponential, addition, division.

    The logarithm of it has five too: a subtraction takes the division's place.
    """
    return 5 * result.numel()


def mean(result: Tensor, x: Tensor, *_: Any) -> int:
    """An addition for each input element and a division for each output element.

    A norm of vectors has a multiply-add and a root in their places.
    """
    return x.numel() + result.numel()


def reduction(result: Any, x: Tensor, *_: Any) -> int:
    """An addition (a sum) or a comparison (a maximum) for each input element."""
    return x.numel()


def variance(result: Tensor, x: Tensor, *_: Any) -> int:
    """For each input element an addition (mean), a subtraction and a multiply-add; a division for each output element.

    A standard deviation's root is taken together with the division.
    """
    return 3 * x.numel() + result.numel()


def interpolation(taps: int) -> Handler:
    """A multiply-add for each output element and each of the `taps` input elements that it is mixed from."""
    return lambda result, *_: taps * int(result.numel())


def _rows(kind: str, handler: Handler, names: str) -> dict[str, tuple[str, Handler]]:
    return dict.fromkeys(names.split(), (kind, handler))


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


OPERATORS: dict[str, tuple[str, Handler]] = {
    **_rows("convolution", convolution, "convolution"),
    **_rows("matmul", matrix_product, "mm bmm mv dot linear"),
    **_rows("matmul", matrix_product_onto, "addmm baddbmm addmv"),
    **_rows(
        "matmul",
        attention,
        "_scaled_dot_product_flash_attention _scaled_dot_product_flash_attention_for_cpu "
        "_scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention "
        "_scaled_dot_product_fused_attention_overrideable",
    ),
    **_rows("pool", max_pool, "max_pool2d_with_indices max_pool3d_with_indices"),
    **_rows("pool", average_pool, "avg_pool2d avg_pool3d"),
    **_rows("pool", adaptive_average_pool, "_adaptive_avg_pool2d _adaptive_avg_pool3d"),
    **_rows("norm", batch_norm, "native_batch_norm"),
    **_rows("norm", fixed_batch_norm, "_native_batch_norm_legit_no_training"),
    **_rows("norm", layer_norm, "native_layer_norm"),
    **_rows("norm", group_norm, "native_group_norm"),
    **_rows(
        "activation",
        elementwise,
        "relu sigmoid tanh gelu silu elu leaky_relu hardtanh hardsigmoid hardswish softplus mish clamp clamp_min "
        "clamp_max exp log erf sqrt rsqrt sin cos abs neg reciprocal pow floor ceil "
        "round sign _prelu_kernel",
    ),
    **_rows("product", elementwise, "mul div floor_divide remainder"),
    **_rows("add", elementwise, "add sub rsub"),
    **_rows(
        "comparison",
        elementwise,
        "eq ne lt le gt ge maximum minimum logical_not logical_and logical_or bitwise_not bitwise_and bitwise_or",
    ),
    **_rows("softmax", softmax, "_softmax _log_softmax _safe_softmax"),
    **_rows("mean", mean, "mean linalg_vector_norm"),
    **_rows("reduction", reduction, "sum amax amin max min argmax cumsum"),
    **_rows("reduction", variance, "var std"),
    **_rows("interpolation", interpolation(2), "upsample_linear1d"),
    **_rows("interpolation", interpolation(4), "upsample_bilinear2d"),
    **_rows("interpolation", interpolation(8), "upsample_trilinear3d"),
}
"""Operator to (class, handler), by its name in the aten namespace; an in-place operator counts as its plain form."""

MOVES = _names(
    "cat stack clone copy _to_copy constant_pad_nd replication_pad1d replication_pad2d replication_pad3d "
    "reflection_pad1d reflection_pad2d reflection_pad3d roll flip repeat index index_select index_put gather scatter "
    "embedding masked_fill where tril triu pixel_shuffle channel_shuffle im2col upsample_nearest1d upsample_nearest2d "
    "upsample_nearest3d _upsample_nearest_exact2d _upsample_nearest_exact3d arange linspace scalar_tensor full "
    "full_like new_full zeros zeros_like new_zeros ones ones_like new_ones fill zero normal uniform _local_scalar_dense"
)
"""Operators that read and write memory and compute nothing that is counted."""

VIEWS = _names(
    "view _unsafe_view _reshape_alias alias detach t transpose permute expand unsqueeze squeeze slice select diagonal "
    "unbind split split_with_sizes unsafe_split unfold as_strided lift_fresh view_as_real view_as_complex real imag"
)
"""Operators that give a tensor another shape and touch none of its elements."""

ALLOCATIONS = _names("empty empty_like empty_strided new_empty new_empty_strided empty_permuted")
"""Operators that take memory and write nothing."""


class Entry(NamedTuple):
    """How an operator is counted: its class, its handler (None computes nothing), whether it moves bytes.

    overwrites: it writes its first argument without reading it.
    """

    name: str
    kind: str
    handler: Handler | None
    moves: bool = True
    overwrites: bool = False

    def kernel(self, args: Sequence[Any]) -> tuple[int, ...] | None:
        """The kernel that a call of a convolution or pool has, in the order of its axes; None for others."""
        if self.kind == "convolution":
            return tuple(args[1].shape[2:])
        return tuple(args[1]) if self.handler in (max_pool, average_pool) else None


def entry(operator: OpOverload) -> Entry | None:
    """The row of an operator, or None where it is in none of the lists."""
    full = str(operator.overloadpacket).removeprefix("aten.")
    name = full if full in OPERATORS or full.endswith("__") else full.removesuffix("_")
    if name in OPERATORS:
        kind, handler = OPERATORS[name]
        return Entry(name, kind, handler)
    if name in MOVES:
        return Entry(name, "move", None, overwrites=full in ("copy_", "fill_", "zero_", "normal_", "uniform_"))
    if name in VIEWS:
        return Entry(name, "view", None, moves=False)
    return Entry(name, "allocation", None, moves=False) if name in ALLOCATIONS else None


def unknown(operator: OpOverload) -> InputError:
    """The error for an operator that no list has."""
    return InputError(
        f"operator {operator.overloadpacket} has no count: add it to OPERATORS, or to MOVES or VIEWS if it computes "
        "nothing, in tradeoff/measure/operators.py"
    )
