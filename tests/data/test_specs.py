from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from tradeoff.data import DataSpec, SyntheticData, VideoData

SPEC: TypeAdapter[Any] = TypeAdapter(DataSpec)


def test_each_kind_is_told_by_its_key() -> None:
    assert SPEC.validate_python({"synthetic": "motion"}) == SyntheticData(synthetic="motion", train=4096, test=1024)
    assert SPEC.validate_python({"videos": "clips.csv", "flips": True}) == VideoData(
        videos=Path("clips.csv"), flips=True
    )
    assert SPEC.validate_python(VideoData(videos=Path("x"))).videos == Path("x")


def test_mirroring_is_never_the_default() -> None:
    assert VideoData(videos=Path("x")).flips is False


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"synthetic": "moton"}, "'motion' or 'appearance'"),
        ({"synthetic": "motion", "trian": 8}, "trian"),
        ({"synthetic": "motion", "seed": -1}, "greater than or equal to 0"),
        ({"synthetic": "motion", "test": 1}, "greater than or equal to 2"),
        ({"synthetic": "motion", "train": "many"}, "valid integer"),
        ({"synthetic": "motion", "train": 33}, "train is 33; motion needs an even number"),
        ({"videos": ""}, "folder of class folders"),
        ({"videos": "x", "flips": "sometimes"}, "valid boolean"),
        ({"videos": "x", "seed": 1}, "seed"),
        ({"videos": "x", "synthetic": "motion"}, "one of 'synthetic'"),
        ({}, "one of 'synthetic'"),
        ("motion", "one of 'synthetic'"),
    ],
)
def test_mistakes_say_what_is_right(given: object, named: str) -> None:
    with pytest.raises(ValidationError, match=named) as caught:
        SPEC.validate_python(given)
    assert caught.value.error_count() == 1


def test_an_odd_number_of_appearance_clips_is_fine() -> None:
    assert SyntheticData(synthetic="appearance", train=33).train == 33


def test_paths_are_taken_from_the_folder_of_the_sweep_file(tmp_path: Path) -> None:
    assert VideoData(videos=Path("../clips")).resolve(tmp_path / "sweeps").videos == tmp_path / "clips"
    assert VideoData(videos=Path("/clips")).resolve(tmp_path).videos == Path("/clips")
    assert VideoData(videos=Path("x"), flips=True).resolve(tmp_path).flips
    synthetic = SyntheticData(synthetic="motion", seed=3)
    assert synthetic.resolve(tmp_path) == synthetic
