import hashlib
import multiprocessing
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_trees import write_frames

from tradeoff.data import contents as module
from tradeoff.data.contents import contents_of, has_pixels, stamp_of
from tradeoff.errors import InputError


def write(path: Path, content: bytes, age: float = 60) -> Path:
    """A file that was last changed `age` seconds ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return aged(path, age)


def aged(path: Path, age: float = 60) -> Path:
    changed = path.stat().st_mtime - age
    os.utime(path, (changed, changed))
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [write(tmp_path / "videos" / f"{name}.mp4", name.encode()) for name in ("one", "two", "three")]


class Reads:
    """How many paths were read."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def __call__(self, done: int, total: int) -> None:
        self.seen.append((done, total))


def read(paths: Sequence[Path], cache: Path | None) -> tuple[tuple[str, ...], int]:
    """The contents, and how many were read."""
    reads = Reads()
    found = contents_of(paths, 2, cache, reads)
    assert reads.seen == [(done, len(reads.seen)) for done in range(1, len(reads.seen) + 1)]
    return found, len(reads.seen)


def expected(*contents: bytes) -> tuple[str, ...]:
    return tuple(f"{hashlib.sha256(content).hexdigest()}:{len(content)}" for content in contents)


def test_files_are_read_once(files: list[Path], tmp_path: Path) -> None:
    whole = expected(b"one", b"two", b"three")
    assert read(files, tmp_path / "new" / "cache") == (whole, 3)
    assert read(files, tmp_path / "new" / "cache") == (whole, 0)
    assert read(files[::-1], tmp_path / "new" / "cache") == (whole[::-1], 0)
    assert [read(files, None) for _ in range(2)] == [(whole, 3)] * 2


def test_a_file_that_is_named_twice_is_read_once(files: list[Path], tmp_path: Path) -> None:
    assert read([files[0], files[1], files[0]], None) == (expected(b"one", b"two", b"one"), 2)


def test_a_changed_file_is_read_again(files: list[Path], tmp_path: Path) -> None:
    read(files, tmp_path)
    write(files[0], b"ONE", age=50)  # its time of change
    write(files[1], b"two and more")  # its size
    os.utime(files[1], ns=(0, files[1].stat().st_mtime_ns))
    assert read(files, tmp_path) == (expected(b"ONE", b"two and more", b"three"), 2)
    assert read(files, tmp_path)[1] == 0


def test_a_moved_file_is_read_again_and_a_copied_cache_serves(files: list[Path], tmp_path: Path) -> None:
    read(files, tmp_path / "cache")
    moved = files[0].rename(files[0].with_name("four.mp4"))
    assert read([moved, *files[1:]], tmp_path / "cache") == (expected(b"one", b"two", b"three"), 1)
    (tmp_path / "cache").rename(tmp_path / "elsewhere")
    assert read([moved, *files[1:]], tmp_path / "elsewhere")[1] == 0


def test_paths_are_told_apart_wherever_one_stands(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(files[:1], tmp_path)
    monkeypatch.chdir(files[0].parent)
    assert read([Path("one.mp4")], tmp_path) == (expected(b"one"), 0)
    write(tmp_path / "other" / "one.mp4", b"eno")
    monkeypatch.chdir(tmp_path / "other")
    assert read([Path("one.mp4")], tmp_path) == (expected(b"eno"), 1)


def test_a_file_of_a_moment_ago_is_not_remembered(tmp_path: Path) -> None:
    """It may change again at what its file system takes for the same time."""
    path = write(tmp_path / "a.mp4", b"one", age=0)
    changed = path.stat().st_mtime_ns
    assert read([path], tmp_path) == (expected(b"one"), 1)
    path.write_bytes(b"two")
    os.utime(path, ns=(changed, changed))
    assert read([path], tmp_path) == (expected(b"two"), 1)


def test_a_file_that_changes_while_it_is_read_is_not_remembered(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = module._content

    def slow(path: Path) -> str:
        found = before(path)
        write(path, b"changed", age=40)
        return found

    monkeypatch.setattr(module, "_content", slow)
    read(files[:1], tmp_path)
    monkeypatch.undo()
    assert read(files[:1], tmp_path) == (expected(b"changed"), 1)


def test_names_need_not_be_text(tmp_path: Path) -> None:
    path = write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4")), b"one")
    assert [read([path], tmp_path / "cache") for _ in range(2)] == [(expected(b"one"), 1), (expected(b"one"), 0)]


# --- folders of frames ---


def test_a_folder_is_read_again_where_one_frame_changes(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "10", [10, 20, 30])
    for frame in folder.iterdir():
        aged(frame)
    first = read([folder], tmp_path)
    assert read([folder], tmp_path) == (first[0], 0)
    write_frames(tmp_path / "10", [77], first=2)
    aged(folder / "00002.jpg", 30)
    second = read([folder], tmp_path)
    assert second[1] == 1
    assert second[0] != first[0]
    aged(write_frames(tmp_path / "10", [40], first=4) / "00004.jpg")
    assert read([folder], tmp_path)[0] not in (first[0], second[0])


def test_a_folder_with_a_gap_has_no_pixels(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "10", [10, 20, 30])
    (folder / "00002.jpg").unlink()
    (found,), _ = read([folder], tmp_path)
    assert found == "1 of 3 frames missing, the first is 2"
    assert not has_pixels(found)
    assert stamp_of(folder) is None
    assert not has_pixels(expected(b"")[0])
    assert has_pixels(expected(b"x")[0])
    assert has_pixels(read([write_frames(tmp_path / "11", [1])], None)[0][0])


# --- what may go wrong ---


def overwrite(path: Path) -> None:
    path.write_bytes(b"this is no data base\n" * 400)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def other_table(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as memo:
        memo.execute("CREATE TABLE others (name TEXT)")


def change_content(path: Path) -> None:
    with sqlite3.connect(path) as memo:
        memo.execute("UPDATE contents SET content = replace(content, '1', '2')")


def lose_values(path: Path) -> None:
    with sqlite3.connect(path) as memo:
        memo.execute("UPDATE contents SET content = NULL")


@pytest.mark.parametrize("damage", [overwrite, truncate, empty, other_table, change_content, lose_values])
def test_a_damaged_memo_is_made_again(files: list[Path], tmp_path: Path, damage: Callable[[Path], None]) -> None:
    whole = expected(b"one", b"two", b"three")
    read(files, tmp_path)
    damage(tmp_path / "contents.sqlite")
    assert read(files, tmp_path) == (whole, 3)
    assert read(files, tmp_path) == (whole, 0)


@given(st.data())
def test_no_flipped_byte_gives_a_wrong_content(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    root = tmp_path_factory.mktemp("memo")
    paths = [write(root / f"{name}.mp4", name.encode()) for name in ("one", "two")]
    read(paths, root)
    memo = root / "contents.sqlite"
    content = bytearray(memo.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    memo.write_bytes(content)
    assert read(paths, root)[0] == expected(b"one", b"two")
    assert read(paths, root)[0] == expected(b"one", b"two")


def test_a_cache_that_cannot_be_one_is_done_without(files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "contents.sqlite").mkdir()
    for cache in (tmp_path / "file", tmp_path):
        assert read(files, cache) == (expected(b"one", b"two", b"three"), 3)


def test_what_was_read_before_an_error_is_kept(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"video .*gone\.mp4 cannot be read: No such file .*; make it readable"):
        contents_of([*files, tmp_path / "gone.mp4"], 1, tmp_path)
    assert read(files, tmp_path)[1] == 0


def test_what_was_read_is_kept_every_few_seconds(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAVED_EVERY", 0.0)
    left = []

    def look(done: int, total: int) -> None:
        with sqlite3.connect(tmp_path / "contents.sqlite") as memo:
            memo.execute("CREATE TABLE IF NOT EXISTS contents (path)")
            left.append(memo.execute("SELECT count(*) FROM contents").fetchone()[0])

    (tmp_path / "contents.sqlite").unlink(missing_ok=True)
    contents_of(files[:1], 1, tmp_path)
    contents_of(files, 1, tmp_path, look)
    assert left == [1, 2]


def _read_all(folder: str, start: int, barrier: Any, queue: Any) -> None:
    """Tells of the contents, and how many this process has read."""
    paths = sorted(Path(folder).glob("*.mp4"))
    mine, reads = paths[start:] + paths[:start], Reads()
    barrier.wait()
    contents = dict(zip(mine, contents_of(mine, 2, Path(folder) / "cache", reads), strict=True))
    queue.put(([contents[path] for path in paths], len(reads.seen)))


def test_of_several_processes_one_reads_for_all(tmp_path: Path) -> None:
    whole = [b"%03d" % i for i in range(60)]
    for content in whole:
        write(tmp_path / f"{content.decode()}.mp4", content)
    context = multiprocessing.get_context("fork")
    queue, barrier = context.Queue(), context.Barrier(3)
    processes = [
        context.Process(target=_read_all, args=(str(tmp_path), start, barrier, queue)) for start in (0, 20, 40)
    ]
    for process in processes:
        process.start()
    found = [queue.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    assert [contents for contents, _ in found] == [list(expected(*whole))] * 3
    assert sorted(count for _, count in found) == [0, 0, 60]
    assert read(sorted(tmp_path.glob("*.mp4")), tmp_path / "cache")[1] == 0
