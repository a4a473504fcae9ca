from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from tradeoff import Variant, build
from tradeoff.errors import InputError
from tradeoff.weights.checkpoints import FORMAT, checkpoint_bytes, load_checkpoint, state_digest

SMALL = Variant.parse("S3D-G", width=0.0625, classes=3)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "network.pt"
    path.write_bytes(checkpoint_bytes(build(SMALL), SMALL))
    return path


def test_a_checkpoint_gives_back_the_network_and_says_which_it_is(tmp_path: Path) -> None:
    network = build(SMALL).eval()
    path = tmp_path / "network.pt"
    path.write_bytes(checkpoint_bytes(network, SMALL))
    loaded, variant = load_checkpoint(path)
    clip = torch.rand(1, 3, 8, 32, 32)
    assert variant == SMALL
    assert state_digest(loaded) == state_digest(network)
    assert torch.equal(loaded(clip), network(clip))


def test_bare_weights_need_a_variant(tmp_path: Path) -> None:
    path = tmp_path / "bare.pt"
    torch.save(build(SMALL).state_dict(), path)
    assert load_checkpoint(path, SMALL)[1] == SMALL
    with pytest.raises(InputError, match="name the variant"):
        load_checkpoint(path)


def test_weights_of_another_network_are_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="are of S3D-G"):
        load_checkpoint(saved, Variant.parse("I3D", width=0.0625, classes=3))
    bare = tmp_path / "bare.pt"
    torch.save(build(SMALL).state_dict(), bare)
    with pytest.raises(InputError, match="do not fit I3D"):
        load_checkpoint(bare, Variant.parse("I3D", width=0.0625, classes=3))


class Payload:
    """Unpickling this would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_checkpoint_of_a_sweep_is_the_state_that_its_name_says(tmp_path: Path) -> None:
    network = build(SMALL)
    content = checkpoint_bytes(network, SMALL)
    path = tmp_path / f"0123456789abcdef.{state_digest(network)}.pt"
    path.write_bytes(content)
    assert state_digest(load_checkpoint(path)[0]) == state_digest(network)
    kernel = max(network.state_dict().values(), key=torch.Tensor.numel).numpy().tobytes()
    assert kernel in content
    path.write_bytes(content.replace(kernel, bytes(len(kernel))))
    with pytest.raises(InputError, match=f"{path.name} are damaged: their state .* is not the name's"):
        load_checkpoint(path)


def test_loading_executes_nothing(tmp_path: Path) -> None:
    trap, plain = tmp_path / "trap.pt", tmp_path / "plain.pt"
    torch.save({"format": Payload(tmp_path / "ran")}, trap)
    plain.write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    for path in (trap, plain):
        with pytest.raises(InputError, match="cannot be loaded"):
            load_checkpoint(path)
    assert not (tmp_path / "ran").exists()


def test_a_damaged_or_missing_file_is_refused_by_name(saved: Path, tmp_path: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:1000])
    (tmp_path / "text.pt").write_text("hello world")
    (tmp_path / "dot.pt").write_text(".")
    for number, content in enumerate(
        (
            3,
            {"format": FORMAT},
            {"format": FORMAT, "variant": [1], "state": {}},
            {"format": FORMAT, "variant": {"family": "inception", "width": "x"}, "state": {}},
            {"format": FORMAT, "variant": {"family": "inception"}, "state": [1]},
        )
    ):
        torch.save(content, tmp_path / f"odd{number}.pt")
    for path in (saved, *tmp_path.glob("*.pt"), tmp_path / "nowhere.pt", tmp_path):
        with pytest.raises(InputError, match=path.name):
            load_checkpoint(path)
