"""The clips that a plan's trainings and tests are given: stored ones, or drawn from whole videos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tradeoff.data import Dataset, SyntheticData, open_dataset, open_videos, processors
from tradeoff.data.clips import Labelled
from tradeoff.data.streams import VideoSet
from tradeoff.sweep.listening import Listener
from tradeoff.sweep.plan import Measurement, Plan
from tradeoff.training.batches import EpochBatches, Shares, TrainingBatches, evaluation_batches
from tradeoff.training.evaluate import Tested, log_probabilities, see_videos
from tradeoff.training.processes import current, of_all
from tradeoff.training.streams import VideoBatches


class Clips:
    """Opens what is asked for once: the stored clips, the videos, or both."""

    def __init__(self, plan: Plan, cache: Path) -> None:
        self.plan, self.cache = plan, cache
        self.listener = Listener()
        """Hears how far opening and testing are; of each measurement it is another."""
        self._stored: Dataset | None = None
        self._videos: VideoSet | None = None
        self._told: set[str] = set()
        """Ids of the unreadable videos that were said."""

    def open(self, kinds: set[str]) -> None:
        """What measurements of those kinds need. Raises InputError for data that cannot be used."""
        sweep = self.plan.sweep
        if "training" in kinds:
            self._open_videos() if sweep.sampling else self._open_stored()
        if "accuracy" in kinds:
            self._open_videos() if sweep.plan_of_views else self._open_stored()

    def batches(self, measurement: Measurement) -> TrainingBatches:
        """What a training is given, in its own random order."""
        sweep, description, recipe = self.plan.sweep, self.plan.description, self.plan.recipe_of(measurement)
        assert description is not None and measurement.seed is not None
        device, pixels, flips = self.plan.device, measurement.variant.scaling, description.flips
        shares = Shares(recipe.accumulate, self.plan.processes, current().process_index)
        rest = (recipe.batch, measurement.seed, device, flips, pixels, shares)
        if sweep.sampling is None:
            stored = self._open_stored()
            return EpochBatches(stored, stored.split(measurement.fold)[0], sweep.shape, *rest)
        videos = self._open_videos()
        indices = videos.split(measurement.fold)[0]
        return VideoBatches(videos, indices, sweep.shape, sweep.sampling, *rest, workers=_workers())

    def lost(self, batches: TrainingBatches) -> dict[str, int]:
        """For a training's record, how many videos all its processes went without; of stored clips nothing is drawn."""
        if self.plan.sweep.sampling is None:
            return {}
        lost = set().union(*of_all(batches.lost))
        return {"unreadable": self._open_videos().losses.missing + len(lost)}

    def few(self, measurement: Measurement, count: int) -> Tensor:
        """Training clips to compare networks on, (count, 3, T, H, W) on the CPU: stored ones are the first."""
        sweep, device, pixels = self.plan.sweep, torch.device("cpu"), measurement.variant.scaling
        if sweep.sampling is None:
            stored = self._open_stored()
            indices = stored.split(measurement.fold)[0][:count]
            return next(evaluation_batches(stored, indices, sweep.shape, count, "normal", device, pixels))
        videos = self._open_videos()
        indices = videos.split(measurement.fold)[0]
        drawn = VideoBatches(
            videos, indices, sweep.shape, sweep.sampling, count, 0, device, pixels=pixels, workers=_workers()
        )
        return next(drawn.epoch())[0]

    def test(self, measurement: Measurement, network: nn.Module, batch: int) -> tuple[Labelled, Tested]:
        """What the network says about the fold's test clips, `batch` at a time, and the set that they are of."""
        sweep, views = self.plan.sweep, self.plan.sweep.plan_of_views
        device, pixels = self.plan.device, measurement.variant.scaling
        if views is None:
            stored = self._open_stored()
            indices = stored.split(measurement.fold)[1]
            outputs = log_probabilities(
                network,
                stored,
                indices,
                sweep.shape,
                order=measurement.order,
                device=device,
                pixels=pixels,
                batch=batch,
                report=self.listener.step,
            )
            right = (outputs.argmax(axis=1) == stored.labels[indices]).astype(np.float32)
            short = None if stored.short is None else len(set(stored.short) & {stored.ids[i] for i in indices})
            return stored, Tested(indices, outputs, right, len(stored.unreadable), None, short)
        videos = self._open_videos()
        indices = videos.split(measurement.fold)[1]
        tested = see_videos(
            network,
            videos,
            indices,
            sweep.shape,
            views,
            order=measurement.order,
            device=device,
            pixels=pixels,
            workers=_workers(),
            batch=batch,
            report=self.listener.step,
        )
        return videos, tested

    def _open_stored(self) -> Dataset:
        if self._stored is None:
            assert self.plan.sweep.data is not None
            self._stored = open_dataset(self.plan.sweep.data, self.plan.sweep.shape, self.cache, self.listener.data)
            self.hear_losses(self._stored.unreadable)
        return self._stored

    def _open_videos(self) -> VideoSet:
        if self._videos is None:
            data = self.plan.sweep.data
            assert data is not None and not isinstance(data, SyntheticData)
            self._videos = open_videos(data, self.plan.sweep.shape, self.cache, self.listener.data)
            self.tell_losses()
        return self._videos

    def tell_losses(self) -> None:
        """Says which videos turned out unreadable since it last did: most do so only as they are decoded."""
        self.hear_losses(self.losses)

    @property
    def losses(self) -> tuple[tuple[str, str], ...]:
        """(id, reason) of each video that is missing or that this process found unreadable so far."""
        return self._videos.unreadable if self._videos is not None else ()

    def hear_losses(self, lost: Sequence[tuple[str, str]]) -> None:
        """Says which of these, which another process may have found, were not said yet."""
        new = {name: reason for name, reason in lost if name not in self._told}
        self._told.update(new)
        self.listener.lost(list(new.items()), len(self._told), self._total)

    @property
    def _total(self) -> int:
        """Videos of the data set, with those that are lost."""
        if self._videos is not None:
            return len(self._videos.ids) + self._videos.losses.missing
        return 0 if self._stored is None else len(self._stored.ids) + len(self._stored.unreadable)


def _workers() -> int:
    """Threads that load clips, so many that the processes of one machine have enough of them together."""
    together: int = current().num_processes
    return max(1, processors() // together)
