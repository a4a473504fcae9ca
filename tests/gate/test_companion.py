"""A process that answers, and every way in which it may not."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import psutil
import pytest
from gate_repositories import die, echo, environment, fail

from tradeoff.errors import InputError
from tradeoff.gate import companion as module
from tradeoff.gate.companion import Companion, Unanswered, sentence_of


def children() -> list[psutil.Process]:
    """Processes of ours beside Python's own tracker of shared memory."""
    found = []
    for each in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # it has just ended
            found += [] if "resource_tracker" in " ".join(each.cmdline()) else [each]
    return found


def test_it_answers_until_it_is_closed() -> None:
    with Companion(echo, "hello") as companion:
        assert companion.answer() == "hello"
        assert [companion.ask(each) for each in (1, "two", [3])] == [1, "two", [3]]
        assert len(children()) == 1
    assert children() == []


def test_it_says_what_went_wrong_in_a_sentence() -> None:
    with Companion(fail, "too\nmany lines") as companion:
        assert companion.answer() == 1
        with pytest.raises(Unanswered, match=r"^ValueError: too$"):
            companion.ask(2)


def test_it_may_die() -> None:
    with Companion(die, 7) as companion, pytest.raises(Unanswered, match="exit code 7"):
        companion.answer()


def test_it_may_be_killed() -> None:
    with Companion(echo, "hello") as companion:
        assert companion.answer() == "hello"
        assert companion.alive
        children()[0].kill()
        with pytest.raises(Unanswered, match="exit code -9"):
            companion.ask(1)
        assert not companion.alive


def test_it_may_be_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    with Companion(echo, "hello") as companion, pytest.raises(Unanswered, match="did not answer"):
        companion.answer()
    assert children() == []


def test_it_keeps_freed_memory_and_leaves_ctrl_c_and_standard_output_to_us(capfd: pytest.CaptureFixture[str]) -> None:
    before = dict(os.environ)
    with Companion(environment, "MALLOC_TRIM_THRESHOLD_") as companion:
        assert companion.answer() == "-1"
        assert companion.answer() is True
    assert dict(os.environ) == before
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert capfd.readouterr().out == ""


def test_sentences() -> None:
    assert sentence_of(InputError("variant 'X' is unknown")) == "variant 'X' is unknown"
    assert sentence_of(KeyError("x")) == "KeyError: 'x'"
    assert sentence_of(RuntimeError()) == "RuntimeError: "
