import errno
import json
import multiprocessing
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tradeoff.data.synthetic as synthetic
from tradeoff.clip_shape import ClipShape
from tradeoff.data import SyntheticData, cache, describe, open_dataset
from tradeoff.data.cache import open_cached
from tradeoff.data.clips import ClipIndex, Dataset, Description, Frames, Progress
from tradeoff.errors import InputError

SHAPE = (8, 36, 36)
CLIP = ClipShape(8, 32, 32)
TOY = Description("toy", "0123456789abcdef", ("a", "b"), (0,))


@dataclass
class Counting:
    """A source of 10 clips, clip i all of value i, of which the first `readable` are."""

    readable: int = 10
    built: int = 0
    dies: BaseException | None = None
    calls: list[tuple[int, int]] = field(default_factory=list)
    clips: int = 10
    shape: tuple[int, int, int] = SHAPE
    description: Description = TOY

    def build(self, out: Frames, progress: Progress, workers: int) -> ClipIndex:
        self.built += 1
        for row in range(self.readable):
            out[row] = row
            progress(row + 1, self.clips)
            if self.dies and row == 5:
                raise self.dies
        rows = range(self.readable)
        lost = tuple((f"{row}.mp4", "broken") for row in range(self.readable, self.clips))
        folds = tuple(-1 if row < 5 else 0 for row in rows)
        ids = tuple(f"{row}.mp4" for row in rows)
        return ClipIndex(("a", "b"), tuple(row % 2 for row in rows), folds, ids, tuple(rows), lost)


def opened(source: Counting, folder: Path) -> Dataset:
    return open_cached(source, folder, lambda done, total: source.calls.append((done, total)), workers=2)


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_what_is_built_is_what_is_opened_and_it_is_built_once(tmp_path: Path) -> None:
    source = Counting()
    for _ in range(3):
        dataset = opened(source, tmp_path / "new" / "cache")
    assert source.built == 1
    assert source.calls == [(i, 10) for i in range(1, 11)]
    assert isinstance(dataset.frames, np.memmap)
    assert dataset.frames.shape == (10, 8, 36, 36, 3)
    assert not dataset.frames.flags.writeable
    assert (dataset.frames == np.arange(10)[:, None, None, None, None]).all()
    assert dataset.labels.tolist() == [0, 1] * 5
    assert dataset.labels.dtype == dataset.folds.dtype == dataset.groups.dtype == np.int64
    assert (dataset.name, dataset.digest, dataset.classes) == ("toy", "0123456789abcdef", ("a", "b"))
    assert contents(tmp_path / "new" / "cache") == ["toy-0123456789abcdef"]


def test_rows_of_unreadable_clips_are_cut(tmp_path: Path) -> None:
    dataset = opened(Counting(readable=9), tmp_path)  # from two digits of rows in the header to one
    assert dataset.frames.shape == (9, 8, 36, 36, 3)
    assert dataset.unreadable == (("9.mp4", "broken"),)
    file = tmp_path / "toy-0123456789abcdef" / "frames.npy"
    header = 128
    assert file.stat().st_size == header + 9 * 8 * 36 * 36 * 3
    assert (np.load(file)[8] == 8).all()


@pytest.mark.parametrize("death", [RuntimeError("no"), KeyboardInterrupt()])
def test_an_interrupted_build_leaves_nothing(tmp_path: Path, death: BaseException) -> None:
    with pytest.raises(type(death)):
        opened(Counting(dies=death), tmp_path)
    assert contents(tmp_path) == []
    assert (opened(Counting(), tmp_path).frames[9] == 9).all()


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_cache import Counting, opened
class Dying(Counting):
    def build(self, out, progress, workers):
        out[:5] = 77
        os.kill(os.getpid(), 9)
opened(Dying(), Path(sys.argv[1]))
"""


def test_what_a_killed_build_left_is_never_used_and_goes(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(Path(__file__).parent)], check=False)
    assert killed.returncode == -9
    assert contents(tmp_path) == ["toy-0123456789abcdef.partial"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = opened(Counting(), tmp_path)
    assert (dataset.frames[:5, 0, 0, 0, 0] == np.arange(5)).all()
    assert contents(tmp_path) == ["toy-0123456789abcdef"]


def damage_frames(folder: Path) -> None:
    os.truncate(folder / "frames.npy", 5000)


def damage_index(folder: Path) -> None:
    path = folder / "clips.json"
    path.write_text(path.read_text()[:40])


def damage_header(folder: Path) -> None:
    os.truncate(folder / "frames.npy", 0)


def lose_index(folder: Path) -> None:
    (folder / "clips.json").unlink()


def shorten_labels(folder: Path) -> None:
    path = folder / "clips.json"
    index = json.loads(path.read_text())
    path.write_text(json.dumps({**index, "labels": index["labels"][1:]}))


def other_shape(folder: Path) -> None:
    np.save(folder / "frames.npy", np.zeros((10, 8, 36, 40, 3), np.uint8))


@pytest.mark.parametrize(
    "damage", [damage_frames, damage_index, damage_header, lose_index, shorten_labels, other_shape]
)
def test_a_damaged_set_is_built_again_with_a_warning(tmp_path: Path, damage: Any) -> None:
    opened(Counting(), tmp_path)
    damage(tmp_path / "toy-0123456789abcdef")
    source = Counting()
    with pytest.warns(UserWarning, match="is damaged"):
        dataset = opened(source, tmp_path)
    assert source.built == 1
    assert (dataset.frames[9] == 9).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened(source, tmp_path)
    assert source.built == 1


def open_and_count(folder: str, queue: Any) -> None:
    source = Counting()
    opened(source, Path(folder))
    queue.put(source.built)


def test_of_two_processes_one_builds(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    processes = [context.Process(target=open_and_count, args=(str(tmp_path), queue)) for _ in range(3)]
    for process in processes:
        process.start()
    built = [queue.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert sorted(built) == [0, 0, 1]


def test_a_cache_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cache folder .*file: .* give a folder that can be written and has room"):
        opened(Counting(), tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_without_write_permission_is_a_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="Permission denied"):
        opened(Counting(), tmp_path)


def test_a_full_disk_is_a_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cache.os, "posix_fallocate", full, raising=False)
    with pytest.raises(InputError, match=r"No space left on device; give a folder"):
        opened(Counting(), tmp_path)
    assert contents(tmp_path) == []


def test_a_set_larger_than_the_disk_fails_before_anything_is_built(tmp_path: Path) -> None:
    source = Counting(clips=10**12)  # 31 petabytes
    with pytest.raises(InputError, match="cache folder"):
        opened(source, tmp_path)
    assert source.built == 0
    assert contents(tmp_path) == []


# --- generated data through the same door ---


def test_generated_clips_are_cached_under_their_own_digest(tmp_path: Path) -> None:
    spec = SyntheticData(synthetic="motion", train=4, test=2)
    dataset = open_dataset(spec, CLIP, tmp_path, lambda done, total: None)
    described = describe(spec, CLIP)
    assert dataset.frames.shape == (6, 8, 36, 36, 3)
    assert (dataset.name, dataset.digest, dataset.classes) == ("motion", described.digest, described.classes)
    assert described.folds == (0,)
    assert not described.flips
    train, test = dataset.split(0)
    assert (len(train), len(test), len(set(dataset.ids))) == (4, 2, 6)
    fresh = np.empty((6, 8, 36, 36, 3), np.uint8)
    labels = synthetic.generate("motion", 4, 2, 0, shape=SHAPE, out=fresh, progress=lambda done, total: None, workers=1)
    assert (dataset.frames == fresh).all()
    assert (dataset.labels == labels.labels).all()
    assert (dataset.groups == labels.groups).all()


def test_the_digest_of_generated_clips_changes_with_all_they_depend_on(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = SyntheticData(synthetic="motion", train=4, test=2)
    others = [
        SyntheticData(synthetic="appearance", train=4, test=2),
        SyntheticData(synthetic="motion", train=6, test=2),
        SyntheticData(synthetic="motion", train=4, test=4),
        SyntheticData(synthetic="motion", train=4, test=2, seed=1),
    ]
    digests = [describe(other, CLIP).digest for other in [spec, spec, *others]]
    digests += [describe(spec, ClipShape(*shape)).digest for shape in [(9, 32, 32), (8, 33, 32), (8, 32, 33)]]
    monkeypatch.setattr(synthetic, "GENERATOR_VERSION", synthetic.GENERATOR_VERSION + 1)
    digests.append(describe(spec, CLIP).digest)
    assert digests[0] == digests[1]
    assert len(set(digests)) == len(digests) - 1


def test_the_door_is_light() -> None:
    heavy = "import sys, tradeoff.data; print([m for m in ('torch', 'av', 'pandas') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", heavy], text=True).strip() == "[]"
