import numpy as np
import pytest

from tradeoff.clip_shape import ClipShape
from tradeoff.data.clips import ClipIndex, Dataset, Description, stored_shape
from tradeoff.digest import digest
from tradeoff.errors import InputError


def dataset(folds: tuple[int, ...]) -> Dataset:
    n = len(folds)
    ids = tuple(str(i) for i in range(n))
    index = ClipIndex(("a", "b"), (0, 1) * (n // 2), folds, ids, tuple(range(n)))
    return Dataset.join(Description("toy", "0" * 16, ("a", "b"), (0,)), np.zeros((n, 8, 36, 36, 3), np.uint8), index)


def test_stored_sides_are_an_eighth_longer() -> None:
    assert stored_shape(ClipShape(16, 64, 64)) == (16, 72, 72)
    assert stored_shape(ClipShape(8, 33, 224)) == (8, 37, 252)


def test_split_of_train_and_test() -> None:
    train, test = dataset((-1, -1, 0, 0)).split(0)
    assert train.tolist() == [0, 1]
    assert test.tolist() == [2, 3]


def test_split_of_folds_tests_one_and_trains_on_the_others() -> None:
    train, test = dataset((0, 1, 2, 0)).split(0)
    assert train.tolist() == [1, 2]
    assert test.tolist() == [0, 3]


@pytest.mark.parametrize("fold", [-1, 1, 7])
def test_a_fold_that_is_not_there_names_those_that_are(fold: int) -> None:
    with pytest.raises(InputError, match=rf"fold {fold} does not exist in data set toy: it has 0, 3$"):
        dataset((-1, 0, 3, 3)).split(fold)


def test_digest_is_stable_and_ignores_the_order_of_keys() -> None:
    # printf '{"a":[1,2],"b":"x"}' | sha256sum
    assert digest({"b": "x", "a": (1, 2)}) == digest({"a": [1, 2], "b": "x"}) == "d0f56dda38d34376"
