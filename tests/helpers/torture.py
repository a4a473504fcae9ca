"""Sweeps killed again and again until they are done, and what they then hold beside an undisturbed one.

`python tests/helpers/torture.py --kills 50` says what was hit and whether the records are those of an undisturbed run.
"""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from killed_sweeps import DAMAGES, SMALL, SWEEP, Blow, Running, Sweep, contents, damage, leftovers

ONE = {"seeds": [0]}


@dataclass
class Campaign:
    """Sweeps killed until they are done, round after round, each compared with an undisturbed one."""

    sweep: Sweep
    seed: int
    kills: int = 0
    runs: int = 0
    rounds: int = 0
    equal: int = 0
    landed: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random, self.folder = random.Random(self.seed), self.sweep.folder
        self.cache = self.folder / "cache"
        self.sweep(self.folder / "undisturbed", self.cache, only=["cost"])  # imports what is forked from then on
        shutil.rmtree(self.folder / "undisturbed")
        began = time.monotonic()
        code, said = self.sweep(self.folder / "undisturbed", self.cache)
        self.seconds = time.monotonic() - began
        if code:
            raise RuntimeError(f"the undisturbed sweep ended with {code}: {said}")
        self.undisturbed = contents(self.folder / "undisturbed")

    def until(self, kills: int) -> Campaign:
        while self.kills < kills:
            self.rounds += 1
            self._round(cold=self.rounds % 2 == 1, most=kills)
        return self

    def together(self, times: int) -> Campaign:
        """Two sweeps at once into one folder, of which one or both are killed in all rounds but the first."""
        for number in range(times):
            self.rounds += 1
            results = self.folder / f"together{number}"
            blows = [Blow(), Blow()] if number == 0 else [self._blow(), self._blow() if number % 2 else Blow()]
            both = [self.sweep.start(results, self.cache, blow) for blow in blows]
            for each in both:
                self._count(each, *each.end())
            self._finish(results, self.cache)
        return self

    def damaged(self) -> Campaign:
        """Each file of the undisturbed sweep alone, in each of the ways."""
        whole = self.folder / "undisturbed"
        files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
        for path, how in itertools.product(files, DAMAGES):
            self.rounds += 1
            results = self.folder / f"damaged{self.rounds}"
            shutil.copytree(whole, results)
            if path.parts[0] == "checkpoints":  # made again where an accuracy needs it
                shutil.rmtree(results / "accuracy")
            damage(results / path, how)
            self._finish(results, self.cache)
        return self

    def _round(self, cold: bool, most: int) -> None:
        results = self.folder / f"killed{self.rounds}"
        cache = self.folder / f"cold{self.rounds}" if cold else self.cache
        while self.kills < most:
            running = self.sweep.start(results, cache, self._blow())
            if self._count(running, *running.end()) == 0:
                break
        self._finish(results, cache)

    def _blow(self) -> Blow:
        """At a random time, or at a call: among the many that save states, or the fewer of records."""
        draw = self.random
        if draw.random() < 0.4:
            return Blow(seconds=draw.uniform(0.05, self.seconds))
        records = draw.random() < 0.6
        call = int(2 ** draw.uniform(0, 5)) if records else draw.randint(1, 150)
        return Blow(call=call, late=draw.random() < 0.5, records=records)

    def _count(self, running: Running, code: int, said: str) -> int:
        self.runs += 1
        if code == -signal.SIGKILL:
            self.kills += 1
            self.landed[running.landed] += 1
        elif code:
            self.differences.append(f"a run ended with {code}: {said[-2000:]}")
        return code

    def _finish(self, results: Path, cache: Path) -> None:
        """Run it undisturbed to its end, and once more, which measures nothing and takes away what is left over."""
        for _ in range(2):
            self.runs += 1
            code, said = self.sweep(results, cache)
            if code:
                self.differences.append(f"{results.name} ended with {code}: {said[-2000:]}")
            if "measured nothing" in said:
                break
        if "measured nothing" not in said:
            self.differences.append(f"{results.name} was measured a second time")
        found, wanted = contents(results), self.undisturbed
        self.equal += sum(found.get(name) == value for name, value in wanted.items())
        differ = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
        self.differences += [f"{results.name}: {name}" for name in [*differ, *leftovers(cache)]]

    def summary(self) -> str:
        where = "".join(f"  {count:3} {place}\n" for place, count in self.landed.most_common())
        return (
            f"{self.kills} kills in {self.runs} runs of {self.rounds} sweeps, which landed\n{where}"
            f"{self.equal} of {self.rounds * len(self.undisturbed)} files equal an undisturbed run's"
            + "".join(f"\nDIFFERENT {each}" for each in self.differences)
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--together", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tradeoff-torture-"))
    began = time.monotonic()
    wrong = 0
    kinds = {"killed": (SWEEP, "here"), "killed with workers": (SMALL, "local"), "damaged": (SMALL | ONE, "here")}
    for name, (values, executor) in kinds.items():
        (folder / name).mkdir()
        campaign = Campaign(Sweep(folder / name, values, executor), chosen.seed)
        if name == "killed":
            campaign.together(chosen.together).until(chosen.kills)
        elif name == "damaged":
            campaign.damaged()
        else:  # each of them starts a worker, which takes seconds
            campaign.until(chosen.kills // 5)
        print(f"{name}: {campaign.summary()}", flush=True)
        wrong += len(campaign.differences)
    print(f"seed {chosen.seed}, {time.monotonic() - began:.0f} s")
    if wrong:
        sys.exit(f"the folders are in {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
