"""Networks that others define, built: torchvision's against torchvision, the user's from files of theirs."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models import get_model, get_model_weights
from torchvision.models.video import mvit

from tradeoff import LatencyProtocol, build, latency
from tradeoff.errors import InputError
from tradeoff.networks.layout import channels_last_3d
from tradeoff.variants import PEERS, Variant

META = torch.device("meta")
SMALL_MVIT = "(temporal_size=8, spatial_size=[32, 32])"
TINY_NETS = """
import torch
from torch import nn

class Tiny(nn.Module):
    def __init__(self, num_classes, width=4, words=()):
        super().__init__()
        self.conv, self.logits = nn.Conv3d(3, width, 3), nn.Linear(width, num_classes)
        self.words = words

    def forward(self, clips):
        return self.logits(self.conv(clips).relu().mean(dim=(2, 3, 4)))

def by_frame(num_classes):
    return nn.Sequential(nn.Conv2d(3, 4, 3))

def no_module(num_classes):
    return "a network"

def any_arguments(**options):
    return Tiny(options["num_classes"])

def failing(num_classes):
    raise KeyError("of their own")

def no_classes(width):
    return Tiny(2, width)

number = 3
"""
Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes modules into the working folder; each test names its own, since a process imports a name once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def into(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text)

    return into


@pytest.mark.parametrize("name", PEERS)
def test_parameters_have_torchvisions_names_and_number(name: str) -> None:
    with META:
        ours, theirs = build(name if name != "s3d" else "torchvision.s3d"), get_model(name, weights=None)
    assert {key: value.shape for key, value in ours.state_dict().items()} == {
        key: value.shape for key, value in theirs.state_dict().items()
    }
    assert sum(each.numel() for each in ours.parameters()) == get_model_weights(name).KINETICS400_V1.meta["num_params"]


@pytest.mark.parametrize("name", ["mc3_18", "swin3d_t"])
def test_a_seed_gives_torchvisions_network(name: str) -> None:
    torch.manual_seed(0)
    ours = build(name, classes=5).eval()
    torch.manual_seed(0)
    theirs = get_model(name, weights=None, num_classes=5).eval()
    clips = torch.rand(2, 3, 8, 32, 32)
    assert torch.equal(ours(clips), theirs(clips))
    assert repr(ours) == repr(theirs)  # dropouts and stochastic depths are torchvision's own


@pytest.mark.parametrize("name", ["mvit_v1_b", "mvit_v2_s"])
def test_an_mvit_for_another_clip_is_torchvisions_with_those_sizes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    ours = build(f"{name}(temporal_size=8, spatial_size=[32, 64])", classes=5).eval()
    # torchvision's functions pass their sizes on to this one, and take no others.
    original = mvit._mvit
    monkeypatch.setattr(
        mvit, "_mvit", lambda **options: original(**options | {"temporal_size": 8, "spatial_size": (32, 64)})
    )
    torch.manual_seed(0)
    theirs = get_model(name, weights=None, num_classes=5).eval()
    assert repr(ours) == repr(theirs)
    clips = torch.rand(2, 3, 8, 32, 64)
    assert torch.equal(ours(clips), theirs(clips))


def test_arguments_reach_the_constructor() -> None:
    with META:
        assert "p=0.75" in repr(build("torchvision.s3d(dropout=0.75)"))
        network = build("mvit_v2_s(temporal_size=8, dropout=0.125, stochastic_depth_prob=0.375)")
    assert "p=0.125" in repr(network)
    assert "StochasticDepth(p=0.375" in repr(network)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("s3d(dropout=3)", "torchvision refuses torchvision.s3d(dropout=3): dropout probability"),
        ("swin3d_t(dropout=high)", "torchvision refuses swin3d_t(dropout=high)"),
        ("mvit_v2_s(dropout=[1])", "torchvision refuses mvit_v2_s(dropout=[1])"),
    ],
)
def test_a_value_that_torchvision_refuses_is_a_sentence(name: str, part: str) -> None:
    with META, pytest.raises(InputError) as caught:
        build(name)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("name", "clip", "part"),
    [
        ("mvit_v2_s", (8, 224, 224), "takes clips of 16x224x224 and no others, not 8x224x224"),
        ("mvit_v1_b", (16, 224, 256), "write mvit_v1_b(spatial_size=[224, 256])"),
        ("torchvision.s3d", (12, 224, 224), "from 13x209x209 up"),
    ],
)
def test_a_clip_that_it_cannot_take_is_a_sentence_and_not_a_traceback_of_shapes(
    name: str, clip: tuple[int, ...], part: str
) -> None:
    with META:
        network = build(name)
        for each in (network, copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
            with pytest.raises(InputError) as caught:
                each(torch.empty(1, 3, *clip))
            assert part in str(caught.value)


def test_the_smallest_clip_of_torchvisions_s3d_is_the_smallest() -> None:
    with META:
        ours, theirs = build("torchvision.s3d").eval(), get_model("s3d", weights=None).eval()
        assert ours(torch.empty(1, 3, 13, 209, 209)).shape == (1, 400)
        for clip in ((12, 209, 209), (13, 208, 209), (13, 209, 208)):
            with pytest.raises(RuntimeError):
                theirs(torch.empty(1, 3, *clip))


@pytest.mark.parametrize("name", ["mc3_18", f"mvit_v2_s{SMALL_MVIT}", "swin3d_t"])
def test_layouts_and_precisions(name: str) -> None:
    torch.manual_seed(0)
    network, clips = build(name, classes=5).eval(), torch.rand(2, 3, 8, 32, 32)
    with torch.inference_mode():
        plain = network(clips)
        last = channels_last_3d(network)(clips.contiguous(memory_format=torch.channels_last_3d))
        half = network.bfloat16()(clips.bfloat16())
    torch.testing.assert_close(last, plain, rtol=1e-4, atol=1e-5)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), plain, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("name", ["mc3_18", f"mvit_v1_b{SMALL_MVIT}", "swin3d_t"])
def test_a_step_of_training_in_mixed_precision(name: str) -> None:
    network = channels_last_3d(build(name, classes=5)).train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = nn.functional.cross_entropy(network(torch.rand(2, 3, 8, 32, 32)), torch.tensor([0, 4]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(each.grad is not None and each.grad.isfinite().all() for each in network.parameters())


def test_s3d_in_bf16_on_a_cpu_is_refused_in_words() -> None:
    network = build("torchvision.s3d", classes=2).eval().bfloat16()
    with pytest.raises(InputError, match="a CPU computes in float32 alone"):
        network(torch.zeros(1, 3, 13, 209, 209, dtype=torch.bfloat16))


def test_dropout_is_the_inception_heads() -> None:
    assert "p=0.75" in repr(build("I2D", dropout=0.75, width=0.0625))
    assert "p=0.2" in repr(build("I2D", width=0.0625))
    with META:
        assert repr(build("swin3d_t", dropout=0.75)) == repr(build("swin3d_t"))


def test_knobs_beside_a_finished_variant_are_refused() -> None:
    with pytest.raises(InputError, match="classes is given beside a variant"):
        build(Variant.parse("I2D"), classes=3)


def test_a_network_of_the_users(write: Write) -> None:
    write("building_nets", TINY_NETS)
    network: Any = build("building_nets:Tiny(width=8, words=[full, flat])", classes=5, dropout=0.9)
    assert (network.conv.out_channels, network.logits.out_features) == (8, 5)
    assert network.words == ["full", "flat"]
    assert build("building_nets:any_arguments(colour=red)", classes=3)(torch.rand(2, 3, 8, 32, 32)).shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("nothing", ["'nothing' is not there in module", "name a callable"]),
        ("number", ["'number' is a int and cannot be called"]),
        ("no_module", ["'no_module' returned a str, not a torch.nn.Module"]),
        ("no_classes(width=3)", ["takes (width)", "num_classes", "width"]),
        ("Tiny(depth=3)", ["takes (num_classes, width=4, words=())", "unexpected keyword argument 'depth'"]),
    ],
)
def test_what_is_no_network_is_refused_in_a_sentence(write: Write, name: str, parts: list[str]) -> None:
    write("refused_nets", TINY_NETS)
    with pytest.raises(InputError) as caught:
        build(f"refused_nets:{name}")
    for part in ("refused_nets", *parts):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_the_users_code_raises_is_let_through(write: Write) -> None:
    write("raising_nets", TINY_NETS)
    with pytest.raises(KeyError, match="of their own"):
        build("raising_nets:failing")


def test_a_module_that_cannot_be_imported_is_refused_with_its_error(write: Write) -> None:
    write("unimportable_nets", "import torch\n1 / 0\n")
    with pytest.raises(InputError, match=r"unimportable_nets.*cannot be imported: ZeroDivisionError: division by zero"):
        build("unimportable_nets:f")
    write("unimportable_nets", TINY_NETS)  # mended, it is looked at again
    assert isinstance(build("unimportable_nets:Tiny"), nn.Module)


def test_a_file_edited_after_its_variant_was_named_is_refused(write: Write) -> None:
    write("edited_early", TINY_NETS)
    variant = Variant.parse("edited_early:Tiny")
    write("edited_early", TINY_NETS + "# another\n")
    with pytest.raises(InputError, match="was edited after it was named"):
        build(variant)


def test_a_file_edited_after_it_was_imported_goes_on_as_it_was_and_is_refused_under_its_new_name(write: Write) -> None:
    write("edited_late", TINY_NETS)
    before = Variant.parse("edited_late:Tiny")
    build(before)
    write("edited_late", TINY_NETS + "# another\n")
    assert isinstance(build(before), nn.Module)  # what runs is what was imported, and that is what it is filed under
    with pytest.raises(InputError, match="was edited after it was named or imported"):
        build("edited_late:Tiny")


def test_networks_are_timed_in_a_process_of_their_own(write: Write) -> None:
    write("timed_nets", TINY_NETS)
    protocol = LatencyProtocol(seconds=0.01, processes=1)
    timed = latency("timed_nets:Tiny(width=2)", "8x32x32", protocol)
    assert 0 < timed.low_ms <= timed.median_ms <= timed.high_ms
    with pytest.raises(InputError, match="mvit_v2_s takes clips of 16x224x224"):
        latency("mvit_v2_s", "8x64x64", protocol)


def test_networks_with_2d_convolutions_take_the_layout_too(write: Write) -> None:
    write("framewise_nets", TINY_NETS)
    network = build("framewise_nets:by_frame")
    assert channels_last_3d(network) is network
    solid = channels_last_3d(build("framewise_nets:Tiny(width=8)"))
    assert solid.conv.weight.is_contiguous(memory_format=torch.channels_last_3d)  # type: ignore[union-attr, operator]
