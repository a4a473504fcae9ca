"""The notes of what failed, in `<results>/attempts/`."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from tradeoff.records.store import Store
from tradeoff.sweep.descriptions import about
from tradeoff.sweep.failures import Failed
from tradeoff.sweep.plan import Measurement, Plan


def note_attempt(
    store: Store, plan: Plan, measurement: Measurement, failed: Failed, began: datetime | None = None
) -> Path:
    """Note that a measurement that `began` then failed; where the note is."""
    return store.write_attempt(
        measurement.key,
        failed.reason,
        "\n".join(failed.log),
        plan.made_with | {"seconds": 0.0},
        began,
        outcome=failed.how,
        about=about(plan, measurement),
    )


def fitted(plan: Plan, store: Store) -> Plan:
    """The plan with smaller micro-batches for trainings that ran out of memory on a device like its own before, unless
    the sweep wants none (`retries: {out_of_memory: 0}`)."""
    failed = did_not_fit(store, plan.made_with["device"]) if plan.sweep.retries.out_of_memory else set()
    return plan.fitting(store, failed) if failed else plan


def did_not_fit(store: Store, device: str) -> set[str]:
    """Digests of the trainings that ran out of memory on a device like this one, as far as the notes can be read."""
    found: set[str] = set()
    for path in sorted((store.root / "attempts").glob("*-training-*.json")):
        with suppress(OSError, ValueError, AttributeError):
            note = json.loads(path.read_bytes())
            if note.get("outcome") == "out of memory" and note.get("made", {}).get("device") == device:
                found.add(str(note.get("key")))
    return found
