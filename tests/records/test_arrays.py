"""Arrays are read as NumPy reads them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tradeoff.records.arrays import read_npz

ARRAYS = {
    "log_probabilities": np.linspace(-9, 0, 12, dtype=np.float32).reshape(4, 3),
    "labels": np.arange(4, dtype=np.int32),
    "ids": np.array(["a", "größer", ""]),
    "right": np.array([[True], [False]]),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "none": np.zeros((0, 5), np.int64),
    "scalar": np.float64(2.5),
}


def written(save: Callable[..., Any], **arrays: Any) -> bytes:
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_array_is_what_numpy_makes_of_it(save: Callable[..., Any]) -> None:
    content = written(save, **ARRAYS)
    found = read_npz(content)
    with np.load(io.BytesIO(content)) as expected:
        assert list(found) == expected.files
        for name, array in found.items():
            assert array.dtype == expected[name].dtype
            assert array.flags["F_CONTIGUOUS"] == expected[name].flags["F_CONTIGUOUS"]
            np.testing.assert_array_equal(array, expected[name])
            array[...] = array  # writable, and its own


def test_only_the_named_arrays_are_read() -> None:
    content = written(np.savez_compressed, **ARRAYS)
    assert list(read_npz(content, ("labels", "right"))) == ["labels", "right"]
    with pytest.raises(KeyError, match="other"):
        read_npz(content, ("other",))


def test_objects_are_not_unpickled() -> None:
    content = written(np.savez, objects=np.array([{"a": 1}, None], dtype=object))
    with pytest.raises(ValueError, match="OBJECT array"):
        read_npz(content)
