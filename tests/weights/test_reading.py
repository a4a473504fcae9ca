"""Files that are not what they should be: refused with what was found and expected, nothing executed."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tradeoff.errors import InputError
from tradeoff.weights.checkpoints import open_weights
from tradeoff.weights.reading import flat_state, read_file


def refused(state: object, path: Path) -> str:
    torch.save(state, path)
    with pytest.raises(InputError) as caught:
        open_weights(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_name_is_told_with_the_nearest_found(pytorch_i3d: dict[str, Tensor], tmp_path: Path) -> None:
    pytorch_i3d["Mixed_3b.b1b.bn.wieght"] = pytorch_i3d.pop("Mixed_3b.b1b.bn.weight")
    message = refused(pytorch_i3d, tmp_path / "w.pt")
    assert "'Mixed_3b.b1b.bn.weight' 128 is missing" in message
    assert "the nearest names found are 'Mixed_3b.b1b.bn.wieght'" in message


def test_three_near_names_are_told(pytorch_i3d: dict[str, Tensor], tmp_path: Path) -> None:
    del pytorch_i3d["Mixed_4d.b2b.conv3d.weight"]
    near = refused(pytorch_i3d, tmp_path / "w.pt").partition("nearest names found are ")[2]
    assert near.count("Mixed_4") == 3
    assert near.count(",") == 2


def test_an_extra_name_is_told(pytorch_i3d: dict[str, Tensor], tmp_path: Path) -> None:
    pytorch_i3d["Mixed_3b.b4.conv3d.weight"] = torch.zeros(1)
    message = refused(pytorch_i3d, tmp_path / "w.pt")
    assert "'Mixed_3b.b4.conv3d.weight' 1 is not expected" in message
    assert "nearest names expected" in message


def test_a_shape_is_told_with_the_one_expected(pytorch_i3d: dict[str, Tensor], tmp_path: Path) -> None:
    pytorch_i3d["Conv3d_2c_3x3.conv3d.weight"] = torch.zeros(192, 64, 1, 3, 3)
    message = refused(pytorch_i3d, tmp_path / "w.pt")
    assert "'Conv3d_2c_3x3.conv3d.weight' is 192x64x1x3x3, where 192x64x3x3x3 is expected" in message


def test_a_layout_that_nobody_knows_is_told_with_its_first_names(tmp_path: Path) -> None:
    message = refused({"layer1.0.weight": torch.zeros(2)}, tmp_path / "w.pt")
    assert "'layer1.0.weight'" in message
    assert "torchvision-s3d" in message


@pytest.mark.parametrize("content", [3, [torch.zeros(1)], {"a": "text"}, {"a": {"b": "text"}}, {}])
def test_what_holds_no_tensors_is_refused(content: object, tmp_path: Path) -> None:
    refused(content, tmp_path / "w.pt")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_refused(share: float, tmp_path: Path) -> None:
    whole = tmp_path / "whole.pt"
    torch.save({"a": torch.zeros(1000)}, whole)
    tree = tmp_path / "tree.ckpt"
    tree.write_bytes(pickle.dumps({"params": {"a": np.zeros(1000)}}))
    for source in (whole, tree):
        content = source.read_bytes()
        (tmp_path / "part").write_bytes(content[: int(len(content) * share)])
        with pytest.raises(InputError, match=r"weights .*part cannot be loaded"):
            read_file(tmp_path / "part")


class Touch:
    """Unpickling this would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_malicious_pickle_is_refused_and_does_nothing(tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path = tmp_path / f"{protocol}.ckpt"
        path.write_bytes(pickle.dumps({"params": Touch(trap)}, protocol))
        with pytest.raises(InputError, match="cannot be loaded"):
            read_file(path)
    assert not trap.exists()


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "objects.ckpt"
    path.write_bytes(pickle.dumps({"a": np.array([{}], dtype=object)}))
    with pytest.raises(InputError, match="'a' is a ndarray"):
        flat_state(read_file(path), path)


def test_a_tree_of_arrays_is_named_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "tree.ckpt"
    path.write_bytes(pickle.dumps({"params": {"a/b": {"kernel": np.ones((2, 3), np.float32)}}}))
    state = flat_state(read_file(path), path)
    assert state.keys() == {"params/a/b/kernel"}
    assert torch.equal(state["params/a/b/kernel"], torch.ones(2, 3))


def test_a_file_from_before_zip_files_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.pt"
    torch.save({"a": torch.arange(3)}, path, _use_new_zipfile_serialization=False)
    assert torch.equal(read_file(path)["a"], torch.arange(3))


def test_a_dictionary_that_holds_itself_is_refused(tmp_path: Path) -> None:
    endless: dict[str, object] = {}
    endless["a"] = endless
    path = tmp_path / "endless.ckpt"
    path.write_bytes(pickle.dumps(endless))
    with pytest.raises(InputError, match="nested too deeply"):
        open_weights(path)


@pytest.mark.parametrize(
    "variant",
    [
        {"family": "inception", "gating": torch.ones(2)},
        {"family": "inception", "classes": 10**30},
        {"family": "inception", "width": float("nan")},
    ],
)
def test_a_checkpoint_of_an_impossible_network_is_refused(variant: dict[str, object], tmp_path: Path) -> None:
    refused({"format": "tradeoff-checkpoint-1", "variant": variant, "state": {"a": torch.zeros(1)}}, tmp_path / "w.pt")


@pytest.mark.parametrize("dtype", [torch.bool, torch.int8, torch.complex64])
def test_numbers_that_would_turn_into_others_are_refused(dtype: torch.dtype, tmp_path: Path) -> None:
    assert "floating-point numbers are needed" in refused({"a": torch.ones(3).to(dtype)}, tmp_path / "w.pt")


def test_sparse_tensors_are_refused(tmp_path: Path) -> None:
    refused({"a": torch.eye(3).to_sparse()}, tmp_path / "w.pt")


@pytest.mark.parametrize("path", ["~nosuchuserhere/x.pt", "a" * 300, "a" * 300 + ".pt"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(InputError):
        open_weights(path)
