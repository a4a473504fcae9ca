"""The signs of life of measurements under way, one small file each, which whoever measures replaces every few seconds:

<root>/running/<key>.json   schema, kind, key, name, sweep, pid, host, began, at, share (0 to 1), note
"""

from __future__ import annotations

import platform
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psutil

from tradeoff.errors import InputError
from tradeoff.records.schema import read_json
from tradeoff.records.store import Store

HEARTBEAT = 60.0
"""Seconds after which a measurement that has not been heard of is not counted as running."""


@dataclass(frozen=True)
class Running:
    """One measurement under way; `share` of it is done. `stale` says why it is not believed to run, or is empty."""

    key: str
    kind: str
    name: str
    host: str
    pid: int
    began: datetime
    at: datetime
    share: float
    note: str
    stale: str = ""

    @property
    def seconds(self) -> float:
        """How long it has been going, as far as it was heard of."""
        return max(0.0, (self.at - self.began).total_seconds())

    def as_record(self) -> dict[str, Any]:
        return vars(self) | {"began": self.began.isoformat(), "at": self.at.isoformat()}


def read_running(store: Store, now: datetime | None = None) -> dict[str, Running]:
    """What is under way, by its key, stale ones too. A file that ends meanwhile, or is no sign of life, is left out."""
    found = {}
    for path in sorted((store.root / "running").glob("*.json")):
        try:
            found[path.stem] = _running(read_json(path), now or datetime.now(UTC))
        except (InputError, KeyError, TypeError, ValueError):
            continue
    return found


def _running(values: Mapping[str, Any], now: datetime) -> Running:
    began, at = (_time(values[name]) for name in ("began", "at"))
    share = min(1.0, max(0.0, float(values.get("share") or 0.0)))
    host, pid = str(values["host"]), int(values["pid"])
    silent = (now - at).total_seconds()
    stale = ""
    if silent > HEARTBEAT:
        stale = f"not heard of for {silent:.0f} s"
    elif host in (platform.node(), socket.gethostname()) and not _is_alive(pid):
        stale = f"its process {pid} has ended"
    key, kind, name = (str(values[field]) for field in ("key", "kind", "name"))
    return Running(key, kind, name, host, pid, began, at, share, str(values.get("note", "")), stale)


def _time(text: Any) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
