"""A training that was stopped goes on where it was, and ends with the weights of one that was not: bit for bit on a CPU
at the same thread count.

Between two steps everything that the next one depends on is in the state of a few parts (network, optimiser, schedule,
loss scaling, batches, random numbers, course). A `ResumePoint` writes them to a file now and then, and reads them back.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Protocol

import torch

from tradeoff.records.store import write_atomically
from tradeoff.training.processes import any_of_all, current, of_all, of_main

SECONDS = 60.0
"""How often a training's state is saved: what a kill that nothing can catch costs at most."""

_FORMAT = "tradeoff-resume-4"
_DIGEST = hashlib.sha256().digest_size


class _Unusable(Exception):
    """Why a saved state is not taken."""


class Stateful(Protocol):
    """What torch's networks, optimisers, schedules and scalers have in common."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> object: ...


class TorchRandom:
    """The state of torch's own random numbers, on the CPU and on the device of a training: dropout draws from them.

    Of several processes it holds each one's, so that all of them have to ask for it together.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def state_dict(self) -> dict[str, Any]:
        states = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self.device)
        return states if current().num_processes == 1 else {"processes": of_all(states)}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        own = state["processes"][current().process_index] if "processes" in state else state
        torch.set_rng_state(own["cpu"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(own["cuda"], self.device)


class ResumePoint:
    """The file of one training's state, as a context manager around the training.

    path: in a folder that is there. key: what the training depends on; a state of any other is never taken. seconds:
    between saves; 0 saves after every step. say: hears one line when a training goes on, or a state cannot be used or
    saved.

    Inside the context a first Ctrl-C waits for the end of the step, saves and only then raises KeyboardInterrupt; a
    second one raises it at once. Where Ctrl-C has a handler of someone else's, or in another thread than the main one,
    that stays as it is.

    Several processes that train together save and stop after the same step. The main one reads and writes the file; a
    second Ctrl-C changes nothing, since launchers pass the first one on a second time.
    """

    def __init__(
        self,
        path: Path,
        key: str,
        seconds: float = SECONDS,
        say: Callable[[str], None] = lambda line: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path, self.seconds, self.say, self.clock = path, seconds, say, clock
        self._identity = {"format": _FORMAT, "training": key, "torch": str(torch.__version__)}
        self._parts: Mapping[str, Stateful] = {}
        self._started = self._due = 0.0
        self.before = 0.0
        """Seconds that the training took before it was stopped, as far as they are in the state that was restored."""
        self._interrupted = self._listening = False

    def __enter__(self) -> ResumePoint:
        in_main = threading.current_thread() is threading.main_thread()
        self._listening = in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._listening:
            signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listening:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self._interrupted and not isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt from error  # it came after the last step, or before one that failed

    def restore(self, parts: Mapping[str, Stateful]) -> bool:
        """Put parts that are as at the start of the training where the saved state was, if there is one, and save
        these same parts from now on. Whether there was one."""
        self._parts, self._started = parts, self.clock()
        self._due = self._started + self.seconds
        saved = of_main(self._found() if current().is_main_process else None)
        if saved is None:
            return False
        for name, part in parts.items():
            part.load_state_dict(saved["parts"][name])
        self.before = saved["seconds"]
        return True

    def _found(self) -> dict[str, Any] | None:
        """What was saved, if it can be used."""
        if not self.path.exists():
            return None
        try:
            saved = self._read()
        except _Unusable as error:
            self.say(f"{self.path} {error}: the training starts anew")
            return None
        self.say(f"goes on from {self.path}")
        return saved

    def passed(self) -> None:
        """A step is complete: save if it is time to. Raises KeyboardInterrupt when Ctrl-C was pressed meanwhile."""
        due = current().is_main_process and self.clock() >= self._due
        self._interrupted, due = any_of_all(self._interrupted, due)
        if self._interrupted or due:
            self._save()
        if self._interrupted:
            raise KeyboardInterrupt

    def discard(self) -> None:
        """The training is over: no state of it is needed, and one that cannot be removed now does no harm."""
        if current().is_main_process:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._interrupted and current().num_processes == 1:
            raise KeyboardInterrupt
        self._interrupted = True

    def _save(self) -> None:
        """A disk that is full costs the state, not the training."""
        started = self.clock()
        parts = {name: part.state_dict() for name, part in self._parts.items()}
        if not current().is_main_process:
            return
        try:
            write_atomically(self.path, self._content(parts))
        except OSError as error:
            self.say(f"the state of the training cannot be saved to {self.path} ({error.strerror})")
        ended = self.clock()
        # Saving should take a tenth of the time at most, whatever the disk and the network.
        if ended - started > self.seconds / 10:
            self.seconds *= 2
        self._due = ended + self.seconds

    def _content(self, parts: Mapping[str, Any]) -> bytes:
        buffer = io.BytesIO()
        seconds = self.before + self.clock() - self._started
        torch.save({**self._identity, "parts": parts, "seconds": seconds}, buffer)
        content = buffer.getvalue()
        return hashlib.sha256(content).digest() + content

    def _read(self) -> dict[str, Any]:
        """What was saved. Raises _Unusable for a file that is damaged, or of anything but this training."""
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise _Unusable(f"cannot be read ({error.strerror})") from error
        if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
            raise _Unusable("is damaged, or no state of a training")
        try:
            state = torch.load(io.BytesIO(content[_DIGEST:]), map_location="cpu", weights_only=True)
        except Exception as error:  # an unpickler that refuses a file may raise anything
            raise _Unusable(f"holds more than tensors and plain values ({type(error).__name__})") from error
        if not isinstance(state, dict) or any(state.get(name) != value for name, value in self._identity.items()):
            raise _Unusable("is of another training, or of another version of torch or tradeoff")
        return state
