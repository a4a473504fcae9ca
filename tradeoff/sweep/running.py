"""What is being measured now, for `tradeoff status`: `<results>/running/<key>.json`, replaced every few seconds."""

from __future__ import annotations

import json
import os
import platform
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from tradeoff.records.store import write_atomically
from tradeoff.sweep.listening import Listener
from tradeoff.sweep.plan import Measurement
from tradeoff.training.fit import Progress

SECONDS = 5.0
SCHEMA = 1


class Running:
    """A context manager, in which a thread says now and then that what has begun and not ended is still under way.

    A file that cannot be written stops nothing: the records are what counts.
    """

    def __init__(self, root: Path, sweep: str) -> None:
        self.folder, self.sweep = root / "running", sweep
        self._under_way: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="running")

    def __enter__(self) -> Running:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        for key in list(self._under_way):
            self.end(key)

    def begin(self, measurement: Measurement, then: Listener) -> Listener:
        """Say so; what hears how far it is, and passes that on."""
        key = measurement.key.digest
        about = {"schema": SCHEMA, "kind": measurement.key.kind, "key": key, "name": str(measurement)}
        about |= {"sweep": self.sweep, "pid": os.getpid(), "host": platform.node(), "began": _now()}
        with self._lock:
            self._under_way[key] = about | {"share": 0.0, "note": ""}
        return _Heard(self._under_way[key], then)

    def end(self, key: str) -> None:
        with self._lock:
            self._under_way.pop(key, None)
            with suppress(OSError):
                (self.folder / f"{key}.json").unlink(missing_ok=True)

    def _beat(self) -> None:
        # What takes less than one beat is never written.
        while not self._over.wait(SECONDS):
            with self._lock, suppress(OSError):
                self.folder.mkdir(exist_ok=True)
                for key, values in self._under_way.items():
                    content = json.dumps(values | {"at": _now()}, indent=1, sort_keys=True)
                    write_atomically(self.folder / f"{key}.json", f"{content}\n".encode())


class _Heard(Listener):
    """Keeps how far a measurement is."""

    def __init__(self, values: dict[str, Any], then: Listener) -> None:
        self._values, self._then = values, then

    def epoch(self, training: Progress) -> None:
        self._values["share"] = training.done / training.total
        pace = f"{training.clips_per_second:.0f} clips/s"
        self._values["note"] = f"epoch {training.epoch}/{training.epochs}, loss {training.loss:.3f}, {pace}"
        self._then.epoch(training)

    def step(self, done: int, total: int) -> None:
        self._values["share"], self._values["note"] = done / total, f"{done}/{total} clips"
        self._then.step(done, total)

    def data(self, done: int, total: int) -> None:
        self._values["note"] = f"data: {done}/{total} clips"
        self._then.data(done, total)

    def note(self, text: str) -> None:
        self._then.note(text)

    def lost(self, new: Any, lost: int, videos: int) -> None:
        self._then.lost(new, lost, videos)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
