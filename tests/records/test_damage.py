"""A results folder after a power cut, and writers that the system refuses."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tradeoff.errors import InputError
from tradeoff.records.files import UnwritableError, write_atomically
from tradeoff.records.keys import Key, cost_key
from tradeoff.records.store import Record, Store

SAMPLES = np.random.default_rng(0).random(1000)
ABOUT = {"variant": {"family": "inception"}, "clip": "16x64x64"}
KEY, OTHER = (cost_key({"family": "inception"}, "16x64x64", f"counter/{n}") for n in (1, 2))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results").prepare()


def write(store: Store, key: Key = KEY, value: float = 1.0) -> Record:
    nested = {"macs": value, "layers": [{"name": "1a"}]}  # ends in braces on lines of their own
    return store.write(key, nested, about=ABOUT, made={}, arrays={"samples": SAMPLES})


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("[!.]*"))


def cut(content: bytes) -> bytes:
    return content[: content.rindex(b"}\n  ]") + 2]  # behind the brace of a layer


DAMAGES = {
    "empty": lambda content: b"",
    "cut": cut,
    "zeros": lambda content: bytes(len(content)),
    "zeros within": lambda content: content[:100] + bytes(50) + content[150:],
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_record_is_set_aside_and_measured_again(store: Store, how: str) -> None:
    for key in (KEY, OTHER):
        write(store, key)
    for number in (1, 2):
        path = store.path(KEY)
        damaged = DAMAGES[how](path.read_bytes())
        path.write_bytes(damaged)
        with pytest.warns(UserWarning, match=rf"{KEY.digest}.json is damaged .* set aside in .*damaged") as said:
            store.prepare()
        assert len(said) == 1
        assert (store.root / f"damaged/cost-{KEY.digest}.{number}.json").read_bytes() == damaged
        assert [store.has(key) for key in (KEY, OTHER)] == [False, True]
        assert write(store).measured["macs"] == 1.0
    assert len(files(store.root / "cost")) == 4


@pytest.mark.parametrize("how", ["gone", "empty", "half", "zeros"])
def test_a_record_goes_with_arrays_that_are_damaged(store: Store, how: str) -> None:
    record = write(store)
    path = store.root / "cost" / str(record.arrays)
    content = path.read_bytes()
    path.write_bytes({"empty": b"", "half": content[: len(content) // 2], "zeros": bytes(len(content))}.get(how, b""))
    if how == "gone":
        path.unlink()
    with pytest.warns(UserWarning, match="damaged"):
        store.prepare()
    assert files(store.root / "cost") == []
    again = write(store)
    assert again.arrays == record.arrays
    assert np.array_equal(store.read_arrays(again)["samples"], SAMPLES)


@pytest.mark.filterwarnings("error")
def test_arrays_that_a_power_cut_left_without_a_record_are_not_taken_for_the_next_ones(store: Store) -> None:
    record = write(store)
    path = store.root / "cost" / str(record.arrays)
    store.path(KEY).unlink()
    content = path.read_bytes()
    path.write_bytes(content[:200] + bytes(40) + content[240:])  # its end is there, and that is all that a run looks at
    store.prepare()
    assert np.array_equal(store.read_arrays(write(store))["samples"], SAMPLES)


def test_sweeps_and_checkpoints_that_are_damaged_are_set_aside_together(store: Store) -> None:
    store.write_sweep("whole", {})
    store.write_sweep("broken", {})
    (store.root / "sweeps/broken.json").write_bytes(b"{")
    names = ["0123456789abcdef.0123456789abcdef.pt", "0123456789abcdef.resume.pt", "my own.pt"]
    for name in names:
        (store.root / "checkpoints" / name).write_bytes(b"PK")
    with pytest.warns(UserWarning, match=r"broken\.json and 1 more are damaged"):
        store.prepare()
    assert files(store.root / "damaged") == [f"checkpoints-{names[0][:-3]}.1.pt", "sweeps-broken.1.json"]
    assert files(store.root / "checkpoints") == sorted(names[1:])
    assert list(store.sweeps()) == ["whole"]


def test_a_file_that_turns_out_damaged_as_it_is_read_is_set_aside_by_whoever_is_first(store: Store) -> None:
    path = store.root / "checkpoints/0123456789abcdef.0123456789abcdef.pt"
    path.write_bytes(b"PK")
    for _ in range(2):
        store.set_aside(path)
        assert files(store.root / "damaged") == [f"checkpoints-{path.stem}.1.pt"]
        assert not path.exists()


@pytest.mark.filterwarnings("error")
def test_what_is_whole_stays_whoever_wrote_it(store: Store) -> None:
    write(store)
    store.path(OTHER).write_text('{"of": "somebody"}')  # no line end
    before = files(store.root / "cost")
    store.prepare()
    assert files(store.root / "cost") == before
    with pytest.raises(InputError, match="schema"):
        store.read(OTHER)
    assert not (store.root / "damaged").exists()


def test_who_only_reads_moves_nothing(store: Store) -> None:
    write(store)
    store.path(KEY).write_bytes(b"")
    reader = Store(store.root)
    with pytest.raises(InputError, match="cannot be read"):
        list(reader.records("cost"))
    assert reader.has(KEY)
    assert not (store.root / "damaged").exists()


def test_what_a_killed_writer_left_goes_and_what_another_writes_stays(store: Store) -> None:
    killed, alive = (store.root / "cost" / f".writing-{name}" for name in ("killed", "alive"))
    killed.write_bytes(b"half of a rec")
    with alive.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        store.prepare()
        assert (killed.exists(), alive.exists()) == (False, True)
        os.utime(alive, (0, 0))  # a file system may keep locks of the dead
        store.prepare()
        assert not alive.exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO])
def test_what_the_system_refuses_is_a_sentence_and_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    write(store, OTHER)

    def refuses(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuses)
        for task, name in (
            (lambda: write(store), KEY.digest),
            (lambda: store.write_attempt(KEY, "why", "log", made={}), "attempts"),
            (lambda: store.write_sweep("mine", {}), "sweeps/mine.json"),
        ):
            with pytest.raises(InputError) as caught:
                task()
            said = str(caught.value)
            assert name in said
            assert os.strerror(number) in said
            assert ("free some space" in said) == (number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
            assert "run the same command to go on" in said
    everything = [path.name for path in store.root.rglob("*") if path.is_file()]
    assert len(everything) == 2, everything
    assert store.has(OTHER)
    assert write(store).measured["macs"] == 1.0


def test_a_folder_that_vanished_is_named(store: Store) -> None:
    shutil.rmtree(store.root / "cost")
    with pytest.raises(UnwritableError, match=r"No such file or directory.*make its folder one that can be written"):
        write(store)
    assert not (store.root / "cost").exists()


def test_a_file_is_replaced_whole_or_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"first")

    def refuses(*arguments: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "replace", refuses)
    with pytest.raises(OSError, match="cross-device") as caught:
        write_atomically(path, b"second")
    assert (caught.value.errno, caught.value.filename) == (errno.EXDEV, str(path))
    assert path.read_bytes() == b"first"
    assert files(tmp_path) == ["file"]
    assert list(tmp_path.iterdir()) == [path]
