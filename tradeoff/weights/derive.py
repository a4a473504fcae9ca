"""From one trained network the weights of any other cut: every variant can start from the same I3D.

full -> flat       the kernel's sum over time: the same answer wherever nothing moves.
flat -> full       the kernel inflated: repeated over time and divided by its length (arXiv 1705.07750, section 2.4).
full -> separable  the pair of 1xkxk and kx1x1, of the same width in between, that is nearest to the kernel (`factors`).
flat -> separable  a temporal half that is the identity (the released S3D-G starts there).

Gates and further temporal convolutions, which the source does not have, start as the identity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tradeoff.errors import InputError
from tradeoff.networks import build
from tradeoff.networks.inception import ConvUnit, Gate, Inception, SeparablePair
from tradeoff.variants import UNITS, InceptionVariant, Variant
from tradeoff.weights.checkpoints import Weights

METHOD = "derive-1"
"""Names the way of deriving; part of a training's key. Change the number when a derived weight changes."""

LIFT = 6.0
"""Standard deviations by which a factorised pair's middle is lifted, so that the ReLU there hardly ever cuts."""


@dataclass(frozen=True)
class Derived:
    """A network derived from another, in eval mode.

    kept: for each unit that was factorised, the share of its kernels' sum of squares that the factors give back.
    fresh_head: the logits are new, since the classes are others.
    """

    network: Inception
    kept: dict[str, float]
    fresh_head: bool


@torch.no_grad()
def derive(weights: Weights, target: InceptionVariant, dropout: float | None = None) -> Derived:
    """The network of `target`, which `matching.match` gives, with weights derived from `weights`.

    A head for other classes keeps its initialisation, from torch's random state. Raises InputError where the source
    has something that the target has no place for.
    """
    origin, source = weights.variant, weights.network()
    assert isinstance(origin, InceptionVariant) and isinstance(source, Inception)
    _refuse(weights.origin, origin, target)
    network = build(target, dropout=dropout)
    assert isinstance(network, Inception)
    theirs, ours = _convolutions(source), _convolutions(network)
    kept: dict[str, float] = {}
    factorised: list[SeparablePair] = []
    for path, convolution in ours.items():
        if path not in theirs:  # a temporal convolution more than the source has
            _make_identity(convolution)
        elif (share := _transfer(theirs[path], convolution)) is not None:
            unit = path.split(".")[1].rpartition("_")[2]
            kept[unit] = min(share, kept.get(unit, 1.0))
            assert isinstance(convolution, SeparablePair)
            factorised.append(convolution)
    fresh_head = target.classes != origin.classes
    if not fresh_head:
        network.head.load_state_dict(source.head.state_dict())
    network.eval()
    _copy_gates(source, network)  # first: what passes the gates decides how far the middles are lifted
    _lift(network, factorised)
    return Derived(network, kept, fresh_head)


def with_fresh_head(weights: Weights, target: Variant) -> nn.Module:
    """Another family's network for other classes: its last layer is initialised anew, the rest is as trained."""
    network = build(target)
    own = network.state_dict()
    fits = {name: tensor for name, tensor in weights.state.items() if tensor.shape == own[name].shape}
    network.load_state_dict(own | fits)
    return network.eval()


def factors(kernel: Tensor) -> tuple[Tensor, Tensor, float]:
    """The 1xkxk and kx1x1 kernels whose product is nearest to a full kernel, (out, in, T, k, k), in least squares.

    The pair computes sum_m V[o,m,t] U[m,i,h,w], a matrix (o,t) x (i,h,w) of rank `out` at most, so that the singular
    vectors give the best one there is (Eckart and Young); each middle channel is of rank one in time. The last middle
    channel is left empty, for `_lift`. Returns U, V and the share of the kernel's sum of squares that they keep.
    """
    outputs, inputs, frames, height, width = kernel.shape
    matrix = kernel.transpose(1, 2).reshape(outputs * frames, -1).double()
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    rank = min(outputs - 1, len(values))
    spatial, temporal = matrix.new_zeros(outputs, matrix.shape[1]), matrix.new_zeros(outputs * frames, outputs)
    spatial[:rank] = right[:rank]
    temporal[:, :rank] = left[:, :rank] * values[:rank]
    kept = float((values[:rank] ** 2).sum() / (values**2).sum().clamp_min(1e-300))
    first = spatial.reshape(outputs, inputs, 1, height, width)
    second = temporal.reshape(outputs, frames, outputs).transpose(1, 2)[..., None, None]
    return first.to(kernel.dtype), second.to(kernel.dtype), kept


def _refuse(weights: str, origin: InceptionVariant, target: InceptionVariant) -> None:
    """What has a nonlinearity between its halves is no linear operator that others could be computed from."""
    for unit, before, after in zip(UNITS, origin.convolutions, target.convolutions, strict=True):
        if before == "separable" and after != "separable":
            raise InputError(
                f"weights {weights} are separable in unit {unit}, which {target.name} has {after}: derive it from a "
                "network that is full or flat there"
            )
    if origin.gating and not target.gating:
        raise InputError(f"weights {weights} are gated: derive a gated network from them, {target.name} is not")
    if origin.convolutions[0] == "full" and target.convolutions[0] == "separable" and target.stem_stride == "first":
        raise InputError(f"stem_stride first skips frames that the full stem of weights {weights} sees: use second")


Unit = ConvUnit | SeparablePair


def _convolutions(network: Inception) -> dict[str, Unit]:
    """Every convolution of the trunk, a separable pair being one, under the name that it has in any variant."""
    found: dict[str, Unit] = {}
    for path, module in network.named_modules():
        inside = isinstance(found.get(path.rpartition(".")[0]), SeparablePair)
        if isinstance(module, ConvUnit | SeparablePair) and not inside:
            found[path.removesuffix(".project")] = module
    return found


def _frames(unit: ConvUnit) -> int:
    return int(unit.conv.kernel_size[0])


def _transfer(source: Unit, target: Unit) -> float | None:
    """Give `target` the weights that come nearest to `source`; the share kept, where it was factorised."""
    if isinstance(source, SeparablePair):
        assert isinstance(target, SeparablePair)
        target.load_state_dict(source.state_dict())
        return None
    if isinstance(target, ConvUnit):
        target.conv.weight.copy_(_resized(source.conv.weight, _frames(target)))
        _set_norm(source.norm, target)
        return None
    if _frames(source) == 1:
        target.spatial.load_state_dict(source.state_dict())
        _make_identity(target.temporal)
        return None
    first, second, kept = factors(source.conv.weight)
    target.spatial.conv.weight.copy_(first)
    target.temporal.conv.weight.copy_(second)
    _set_norm(source.norm, target.temporal)
    return kept


def _resized(kernel: Tensor, frames: int) -> Tensor:
    """A kernel (out, in, T, h, w) of another length in time: summed to one step, or one step spread over several."""
    if kernel.shape[2] == frames:
        return kernel
    return kernel.sum(2, keepdim=True).expand(-1, -1, frames, -1, -1) / frames


def _set_norm(norm: nn.BatchNorm3d, target: ConvUnit) -> None:
    """Batch norm as it is; where the target has a bias in its place, the same affine map in kernel and bias."""
    if hasattr(target, "norm"):
        target.norm.load_state_dict(norm.state_dict())
        return
    assert norm.running_mean is not None and norm.running_var is not None and target.conv.bias is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    target.conv.weight.mul_(scale[:, None, None, None, None])
    target.conv.bias.copy_(norm.bias - norm.running_mean * scale)


def _make_identity(unit: nn.Module) -> None:
    """A temporal convolution of equal width that passes on what it is given, which comes from a ReLU.

    With a stride it picks the frames that a flat convolution picks; under SAME padding, where that depends on the
    clip, those of a clip of an even number of frames.
    """
    assert isinstance(unit, ConvUnit)
    tap = unit.conv.pads(0, 64)[0]
    unit.conv.weight.zero_()
    unit.conv.weight[:, :, tap, 0, 0].fill_diagonal_(1.0)
    if unit.conv.bias is not None:
        nn.init.zeros_(unit.conv.bias)
    if hasattr(unit, "norm"):
        _set_affine(unit.norm, torch.zeros(1), torch.ones(1), torch.zeros(1))


def _set_affine(norm: nn.BatchNorm3d, mean: Tensor, variance: Tensor, shift: Tensor) -> None:
    """Make a batch norm add `shift` in eval mode, with the given statistics."""
    assert norm.running_mean is not None and norm.running_var is not None
    norm.running_mean.copy_(mean.expand_as(norm.running_mean))
    norm.running_var.copy_(variance.expand_as(norm.running_var))
    norm.weight.copy_((norm.running_var + norm.eps).sqrt())
    norm.bias.copy_(norm.running_mean + shift)


def _lift(network: Inception, pairs: Sequence[SeparablePair]) -> None:
    """Take a factorised pair's middle through its batch norm and ReLU unharmed.

    Each middle channel is lifted by `LIFT` standard deviations above zero, as a smooth random clip shows them. The
    empty last channel is made a constant, and its temporal kernel takes what the lifts add off again, tap by tap: so
    it is right at the clip's first and last steps too, where the taps that hang over see zeros.
    """
    if not pairs:
        return
    hooks = [pair.spatial.norm.register_forward_pre_hook(_lifter(pair)) for pair in pairs]
    network(smooth_clip())  # forward, since each pair's statistics depend on the pairs below it
    for hook in hooks:
        hook.remove()


def _lifter(pair: SeparablePair) -> Callable[[nn.Module, tuple[Tensor]], None]:
    def lift(norm: nn.Module, inputs: tuple[Tensor]) -> None:
        assert isinstance(norm, nn.BatchNorm3d)
        (middle,) = inputs
        mean, variance = middle.mean(dim=(0, 2, 3, 4)), middle.var(dim=(0, 2, 3, 4), correction=0)
        variance[-1] = 1.0  # the empty channel's
        shift = LIFT * variance.sqrt() - mean
        constant = shift[:-1].square().mean().sqrt().clamp_min(1e-6)  # of the size of the others
        shift[-1] = constant
        _set_affine(norm, mean, variance, shift)
        kernel = pair.temporal.conv.weight
        kernel[:, -1] = -torch.einsum("omthw,m->othw", kernel[:, :-1], shift[:-1]) / constant

    return lift


def smooth_clip(seed: int = 0) -> Tensor:
    """1,3,16,112,112 in [-1, 1]: random blobs of several sizes that come and go."""
    random = torch.Generator().manual_seed(seed)
    clip = torch.zeros(1, 3, 16, 112, 112)
    for steps, side in ((2, 3), (4, 9), (8, 28)):
        noise = torch.randn(1, 3, steps, side, side, generator=random)
        clip += nn.functional.interpolate(noise, clip.shape[2:], mode="trilinear", align_corners=True)
    return clip.div_(2).clamp_(-1, 1)


def _copy_gates(source: Inception, network: Inception) -> None:
    """The source's gates, or gates that pass everything: sigmoid(0) halves what the layer before then doubles."""
    own = dict(source.named_modules())
    for path, gate in network.named_modules():
        if not isinstance(gate, Gate):
            continue
        if path in own:
            gate.load_state_dict(own[path].state_dict())
            continue
        nn.init.zeros_(gate.excite.weight)
        if gate.excite.bias is not None:
            nn.init.zeros_(gate.excite.bias)
        _double(_before(network, path))


def _before(network: Inception, gate: str) -> ConvUnit:
    """The convolution whose output a gate is given."""
    parent, _, name = gate.rpartition(".")
    before = f"trunk.conv_{name.removeprefix('gate_')}" if parent == "trunk" else parent
    units = [module for module in network.get_submodule(before).modules() if isinstance(module, ConvUnit)]
    return units[-1]


def _double(unit: ConvUnit) -> None:
    """Twice the output: a ReLU lets a positive factor through."""
    affine = unit.norm if hasattr(unit, "norm") else unit.conv
    affine.weight.mul_(2)
    assert affine.bias is not None
    affine.bias.mul_(2)


@torch.inference_mode()
def distances(source: nn.Module, derived: nn.Module, clips: Tensor) -> dict[str, float]:
    """For each stage of the trunk, and `logits` if the classes are the same, how far the derived network's features
    are from the source's on `clips` (N,3,T,H,W): the norm of the difference over the norm of the source's features."""
    own, other = _features(source, clips), _features(derived, clips)
    return {
        stage: float((other[stage] - features).norm() / features.norm())
        for stage, features in own.items()
        if other[stage].shape == features.shape
    }


def _features(network: nn.Module, clips: Tensor) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    # A gate belongs to the convolution before it: an open one halves what was doubled.
    names = {
        name: name.replace("gate_", "conv_")
        for name, _ in network.get_submodule("trunk").named_children()
        if not name.startswith("pool")
    }
    hooks = [
        network.get_submodule(f"trunk.{name}").register_forward_hook(
            lambda module, inputs, output, stage=stage: found.update({stage: output.clone()})
        )
        for name, stage in names.items()
    ]
    logits = network(clips)
    for hook in hooks:
        hook.remove()
    return found | {"logits": logits}
