"""What `tradeoff.sweep.apart` starts in several processes: `python -m tradeoff.sweep.worker JOB.json`."""

from __future__ import annotations

import json
import os
import select
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from tradeoff.measure.environment import resolve_device
from tradeoff.records.store import Store
from tradeoff.sweep.apart import EPOCH, FAILED, LOST, NOTE
from tradeoff.sweep.failures import Failed
from tradeoff.sweep.file import make_sweep
from tradeoff.sweep.listening import Listener, Losses
from tradeoff.sweep.measuring import Measurer
from tradeoff.sweep.plan import make_plan
from tradeoff.training.fit import Progress
from tradeoff.training.processes import current, join, leave

SECONDS_BETWEEN_LINES = 1.0


class TellingLosses(Listener):
    """Says on standard output, line by line, which videos this process cannot read: each sees its own share only."""

    def lost(self, new: Losses, lost: int, videos: int) -> None:
        """A line a video, since only short ones do not mix with another process's."""
        for each in new:
            tell(LOST, each)


class Telling(TellingLosses):
    """Says all that the process that started these has to know; of several processes the main one does."""

    def __init__(self) -> None:
        self._told = 0.0

    def epoch(self, training: Progress) -> None:
        if training.step == training.steps or time.monotonic() - self._told >= SECONDS_BETWEEN_LINES:
            self._told = time.monotonic()
            tell(EPOCH, asdict(training))

    def note(self, text: str) -> None:
        tell(NOTE, text)


def tell(kind: str, said: Any) -> None:
    """In one piece: lines of several processes do not mix. Where nobody hears it any more, that ends the training."""
    sys.stdout.write(f"{kind}{json.dumps(said)}\n")
    sys.stdout.flush()


def work(job: dict[str, Any]) -> None:
    """Train the network of one key of a sweep, and record it."""
    device = join(resolve_device(job["device"]))
    torch.set_num_threads(job["threads"])
    cache = Path(job["cache"])
    plan = replace(
        make_plan(make_sweep(job["sweep"], "a training's job"), device, cache), accumulated=job["accumulated"]
    )
    measurement = next((each for each in plan.measurements if each.key.digest == job["key"]), None)
    if measurement is None:
        raise RuntimeError("the data, the weights or the network's code changed meanwhile: run the sweep again")
    listener = Telling() if current().is_main_process else TellingLosses()
    measurer = Measurer(plan, Store(Path(job["results"])), cache)
    measurer.save_every = job["save_every"]
    measurer.measure(measurement, listener)
    leave()


def end_unheard() -> None:
    """End with the process that listens: it may have been killed while this one waits for another, and says nothing."""
    listener = select.poll()
    listener.register(sys.stdout.fileno(), 0)
    listener.poll()
    os._exit(1)


def main() -> None:
    threading.Thread(target=end_unheard, daemon=True).start()
    try:
        work(json.loads(Path(sys.argv[1]).read_text()))
    except Exception as error:
        tell(FAILED, asdict(Failed.of(error)))
        raise


if __name__ == "__main__":
    main()
