import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from small_trees import make_jester, make_ucf101, write_frames, write_texts, write_video

from tradeoff.clip_shape import ClipShape
from tradeoff.data import CatalogueData, Dataset, DataSpec, describe, open_dataset
from tradeoff.data.decoding import SAMPLING_VERSION, sampled_indices
from tradeoff.data.video_lists import VideoClip
from tradeoff.data.videos import VideoSource
from tradeoff.digest import digest
from tradeoff.errors import InputError

CLIP = ClipShape(8, 32, 32)
SPEC: TypeAdapter[Any] = TypeAdapter(DataSpec)


@pytest.fixture
def ucf101(tmp_path: Path) -> Path:
    return make_ucf101(tmp_path / "ucf")


def spec(name: str, root: Path, **more: Any) -> CatalogueData:
    return CatalogueData(catalogue=name, root=root, **more)


def opened(chosen: CatalogueData, cache: Path) -> Dataset:
    return open_dataset(chosen, CLIP, cache, lambda done, total: None)


def test_an_official_split_is_a_data_set(ucf101: Path, tmp_path: Path) -> None:
    dataset = opened(spec("ucf101", ucf101), tmp_path / "cache")
    assert dataset.name == "ucf101-split1"
    assert dataset.classes == ("Archery", "YoYo")
    assert dataset.folds.tolist() == [-1] * 8 + [0] * 4
    assert dataset.labels.tolist() == [0] * 4 + [1] * 4 + [0, 0, 1, 1]
    assert dataset.ids[0] == "Archery/v_Archery_g03_c01.avi"
    assert dataset.unreadable == ()
    assert dataset.frames[0, :, 0, 0, 0].tolist() == (30 + sampled_indices(6, 8)).tolist()
    train, test = dataset.split(0)
    assert (len(train), len(test)) == (8, 4)


def test_frames_in_folders_are_a_data_set(tmp_path: Path) -> None:
    dataset = opened(spec("jester", make_jester(tmp_path / "jester")), tmp_path / "cache")
    assert dataset.name == "jester"
    assert dataset.classes == ("Swiping Right", "Swiping Left")  # the file's order, not the alphabet's
    assert dataset.labels.tolist() == [0, 1] * 5
    assert dataset.folds.tolist() == [-1] * 8 + [0, 0]
    assert dataset.frames[1, :, 0, 0, 0].tolist() == (110 + sampled_indices(9, 8)).tolist()


def test_the_digest_depends_on_pixels_labels_and_what_is_missing(ucf101: Path, tmp_path: Path) -> None:
    digests = [describe(spec("ucf101", ucf101), CLIP).digest]
    shutil.copytree(ucf101, tmp_path / "elsewhere")
    assert describe(spec("ucf101", tmp_path / "elsewhere", broken=0.5), CLIP).digest == digests[0]
    write_texts(ucf101 / "annotations", {"classInd.txt": "1 YoYo\n2 Archery\n"})
    text = (ucf101 / "annotations" / "trainlist01.txt").read_text().replace("avi 1", "avi 3").replace("avi 2", "avi 1")
    write_texts(ucf101 / "annotations", {"trainlist01.txt": text.replace("avi 3", "avi 2")})
    digests.append(describe(spec("ucf101", ucf101), CLIP).digest)
    write_video(ucf101 / "YoYo" / "v_YoYo_g01_c01.avi", [7] * 6)
    digests.append(describe(spec("ucf101", ucf101), CLIP).digest)
    (ucf101 / "YoYo" / "v_YoYo_g01_c01.avi").unlink()
    digests.append(describe(spec("ucf101", ucf101, broken=0.5), CLIP).digest)
    assert len(set(digests)) == 4


def test_the_digest_of_frames_depends_on_each(tmp_path: Path) -> None:
    root = make_jester(tmp_path / "jester")
    before = describe(spec("jester", root), CLIP).digest
    assert describe(spec("jester", root), CLIP).digest == before
    write_frames(root / "11", [3], first=9)
    assert describe(spec("jester", root), CLIP).digest != before


def test_missing_and_unreadable_clips_are_left_out_and_counted(ucf101: Path, tmp_path: Path) -> None:
    (ucf101 / "Archery" / "v_Archery_g04_c01.avi").unlink()
    (ucf101 / "YoYo" / "v_YoYo_g01_c01.avi").write_bytes(b"")
    dataset = opened(spec("ucf101", ucf101, broken=0.2), tmp_path / "cache")
    assert dataset.unreadable == (
        ("Archery/v_Archery_g04_c01.avi", "missing"),
        ("YoYo/v_YoYo_g01_c01.avi", "the file is empty"),
    )
    assert (len(dataset.ids), len(dataset.frames)) == (10, 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a cache that did not fit would be built again with a warning
        assert opened(spec("ucf101", ucf101, broken=0.2), tmp_path / "cache").ids == dataset.ids
    with pytest.raises(
        InputError, match=r"2 of 12 clips are missing or unreadable, 16\.7%, and 'broken' allows 10\.0%"
    ):
        opened(spec("ucf101", ucf101, broken=0.1), tmp_path / "cache")  # though it is decoded and cached


def test_more_missing_clips_than_allowed_stop_before_decoding(ucf101: Path, tmp_path: Path) -> None:
    for g in (3, 4):
        (ucf101 / "YoYo" / f"v_YoYo_g0{g}_c01.avi").unlink()
    with pytest.raises(InputError) as caught:
        describe(spec("ucf101", ucf101), CLIP)
    message = str(caught.value)
    assert "2 of 12 clips are missing or unreadable, 16.7%, and 'broken' allows 5.0%" in message
    assert "YoYo/v_YoYo_g03_c01.avi (missing), YoYo/v_YoYo_g04_c01.avi (missing)" in message
    assert describe(spec("ucf101", ucf101, broken=2 / 12), CLIP).classes == ("Archery", "YoYo")


def test_more_unreadable_clips_than_allowed_stop_the_decoding(ucf101: Path, tmp_path: Path) -> None:
    for g in (3, 4):
        (ucf101 / "YoYo" / f"v_YoYo_g0{g}_c01.avi").write_bytes(b"not a video" * g)
    seen = []
    with pytest.raises(InputError, match=r"2 of 12 clips .* YoYo/v_YoYo_g03_c01\.avi \(Invalid data"):
        open_dataset(
            spec("ucf101", ucf101, broken=0.1), CLIP, tmp_path / "cache", lambda done, total: seen.append(done)
        )
    assert max(seen) < 12
    assert {path.suffix for path in (tmp_path / "cache").iterdir()} == {".lock"}


def test_of_two_classes_both_are_needed(ucf101: Path) -> None:
    shutil.rmtree(ucf101 / "YoYo")
    with pytest.raises(InputError, match="has only one class, 'Archery'"):
        describe(spec("ucf101", ucf101, broken=1), CLIP)


def test_a_list_without_the_other(tmp_path: Path) -> None:
    root = make_jester(tmp_path / "jester")
    (root / "jester-v1-validation.csv").unlink()
    with pytest.raises(InputError, match="no test clips"):
        describe(spec("jester", root), CLIP)


# --- the spec ---


def test_the_spec_is_told_by_its_key_and_takes_paths_from_the_sweep_file(tmp_path: Path) -> None:
    chosen = SPEC.validate_python({"catalogue": "ucf101", "root": "videos", "annotations": "../lists", "split": 2})
    assert isinstance(chosen, CatalogueData)
    assert (chosen.flips, chosen.broken) == (False, 0.05)
    resolved = chosen.resolve(tmp_path / "sweeps")
    assert (resolved.root, resolved.annotations) == (tmp_path / "sweeps" / "videos", tmp_path / "lists")
    assert resolved.split == 2
    assert spec("jester", Path("x")).resolve(tmp_path).annotations is None


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"catalogue": "ucf100", "root": "x"}, "should be one of kinetics400, "),
        ({"catalogue": "ucf101"}, "root"),
        ({"catalogue": "ucf101", "root": ""}, "should be a folder"),
        ({"catalogue": "ucf101", "root": "x", "split": 4}, "split is 4; ucf101 has 1, 2, 3"),
        ({"catalogue": "jester", "root": "x", "split": 2}, "split is 2; jester has 1"),
        ({"catalogue": "ucf101", "root": "x", "broken": 5}, "less than or equal to 1"),
        ({"catalogue": "jester", "root": "x", "flips": True}, "left and right are labels in jester"),
        ({"catalogue": "something-v2", "root": "x", "flips": True}, "left and right are labels in something-v2"),
        ({"catalogue": "ucf101", "videos": "x"}, "one of 'synthetic'"),
    ],
)
def test_mistakes_say_what_is_right(given: object, named: str) -> None:
    with pytest.raises(ValidationError, match=named) as caught:
        SPEC.validate_python(given)
    assert caught.value.error_count() == 1


def test_flips_are_the_users_choice_where_no_label_is_a_side(ucf101: Path) -> None:
    assert describe(spec("ucf101", ucf101, flips=True), CLIP).flips
    assert not describe(spec("ucf101", ucf101), CLIP).flips


def test_the_users_own_videos_keep_the_digest_that_they_had(tmp_path: Path) -> None:
    """Neither an order of classes nor missing clips are in it: what is cached and recorded stays found."""
    (tmp_path / "a.mp4").write_bytes(b"abc")
    content = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad:3"  # FIPS 180-2, B.1
    source = VideoSource.of(tmp_path, "x", (VideoClip("a.mp4", tmp_path / "a.mp4", "up", 2),), (8, 36, 36), False)
    facts = {"sampling": SAMPLING_VERSION, "shape": [8, 36, 36], "clips": [["a.mp4", "up", 2, content]]}
    assert source.description.digest == digest(facts)
