"""Who hears how one measurement goes: a display, a log, or a process that passes it on."""

from __future__ import annotations

from collections.abc import Sequence

from tradeoff.training.fit import Progress

Losses = Sequence[tuple[str, str]]
"""Ids of videos that are left out, each with the reason."""


class Listener:
    """Does nothing with what it hears."""

    def epoch(self, training: Progress) -> None:
        """One step of a training."""

    def step(self, done: int, total: int) -> None:
        """`done` of `total` clips evaluated."""

    def data(self, done: int, total: int) -> None:
        """`done` of `total` clips generated or decoded into the cache."""

    def note(self, text: str) -> None:
        """Something that the user should know and that stops nothing."""

    def lost(self, new: Losses, lost: int, videos: int) -> None:
        """Which of the data set's videos it lacks, beside those said before; `lost` of `videos` in all."""
