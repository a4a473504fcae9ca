"""Which checkpoints and saved states of a plan stay in the results folder."""

from __future__ import annotations

from pathlib import Path

from tradeoff.records.keys import Key
from tradeoff.records.store import Store
from tradeoff.sweep.plan import Measurement, Plan


def state_path(store: Store, training: Key) -> Path:
    """The saved state of a training that is not over: beside the checkpoints, and named like them."""
    return store.root / "checkpoints" / f"{training.digest}.resume.pt"


class Kept:
    """Removes what no measurement of a plan needs any more."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def after(self, plan: Plan, measurement: Measurement) -> None:
        """`keep: none`: a checkpoint goes once no accuracy of the plan waits for it."""
        training = measurement.key if measurement.key.kind == "training" else measurement.training
        if training is not None and plan.sweep.keep == "none":
            self._drop(plan, training)

    def at_end(self, plan: Plan) -> None:
        """What a run that was killed could not remove, and states of trainings that another run recorded first."""
        for each in plan.measurements:
            if each.key.kind == "training" and self.store.has(each.key):
                state_path(self.store, each.key).unlink(missing_ok=True)
                if plan.sweep.keep == "none":
                    self._drop(plan, each.key)

    def _drop(self, plan: Plan, training: Key) -> None:
        if all(self.store.has(each.key) for each in plan.tests_of(training)):
            path = plan.checkpoint(self.store, training)
            if path is not None:
                path.unlink(missing_ok=True)
