"""One training in processes of its own, which accelerate's launcher starts on this machine.

What they train is `tradeoff.sweep.worker`. They write the record, the checkpoint and the state to resume from; this
process hears how far they are, and how they end.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path

import torch

from tradeoff.errors import InputError
from tradeoff.sweep.failures import LOG_LINES, EndedEarly, Failed
from tradeoff.sweep.listening import Listener, Losses
from tradeoff.sweep.plan import Measurement, Plan
from tradeoff.training.fit import Progress

EPOCH, NOTE, LOST, FAILED = "@epoch ", "@note ", "@lost ", "@failed "
"""How a line begins that one of the processes means for this one; what follows is JSON."""


def train_apart(
    plan: Plan,
    measurement: Measurement,
    results: Path,
    cache: Path,
    save_every: float,
    listener: Listener,
    lost: Callable[[Losses], None],
) -> None:
    """Train a network in as many processes as the plan asks for; its record is in `results` then.

    listener: hears about once a second how far the training is, and what the user should know. lost: hears, when they
    end, which videos any of the processes could not read, some of them several times. Ctrl-C is passed on, and raises
    KeyboardInterrupt once the processes have saved their state. Raises InputError for a results folder that cannot be
    written, and EndedEarly, with the last lines of the first
    that failed or, where none could say so, of all that they wrote.
    """
    job = {
        "sweep": plan.sweep.model_dump(mode="json", exclude_unset=True),
        "accumulated": {measurement.planned: measurement.accumulate} if measurement.accumulate else {},
        "key": measurement.key.digest,
        "device": plan.device.type,
        "threads": torch.get_num_threads(),
        "results": str(results.absolute()),
        "cache": str(cache.absolute()),
        "save_every": save_every,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.json"
        path.write_text(json.dumps(job))
        with _start(plan.processes, path) as process:
            try:
                _listen(process, listener, lost)
            except BaseException:
                # In a session of its own Ctrl-C reaches it through here alone, and so only once.
                process.send_signal(signal.SIGINT)
                process.communicate()
                raise


def _start(count: int, job: Path) -> subprocess.Popen[str]:
    launcher = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", str(count), "--num_machines", "1"]
    # All that the user's own configuration of accelerate could say otherwise.
    launcher += ["--gpu_ids", "all", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    launcher += ["--num_cpu_threads_per_process", str(torch.get_num_threads())]
    return subprocess.Popen(
        [sys.executable, "-m", *launcher, "-m", "tradeoff.sweep.worker", str(job)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def _listen(process: subprocess.Popen[str], listener: Listener, lost: Callable[[Losses], None]) -> None:
    tail: deque[str] = deque(maxlen=LOG_LINES)
    failures: list[Failed] = []
    losses: list[tuple[str, str]] = []
    assert process.stdout is not None
    for line in map(str.rstrip, process.stdout):
        if line.startswith(EPOCH):
            listener.epoch(Progress(**json.loads(line.removeprefix(EPOCH))))
        elif line.startswith(NOTE):
            listener.note(json.loads(line.removeprefix(NOTE)))
        elif line.startswith(LOST):
            name, reason = json.loads(line.removeprefix(LOST))
            losses.append((name, reason))
        elif line.startswith(FAILED):
            failures.append(Failed(**json.loads(line.removeprefix(FAILED))))
            if failures[-1].how == "bad input":
                raise InputError(failures[-1].reason)
        else:
            tail.append(line)
    lost(losses)
    if code := process.wait():
        ended = Failed("died", f"its processes ended with exit code {code}", list(tail))
        raise EndedEarly(failures[0] if failures else ended)
