"""pytest's fixture `latency_benchmark`: passes timed by our protocol, in pytest-benchmark's table and files.

pytest loads this module in every environment that tradeoff is installed in, so whatever is slow to import is imported
where it is used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from tradeoff.errors import InputError

if TYPE_CHECKING:
    import torch
    from pytest_benchmark.fixture import BenchmarkFixture

    from tradeoff.measure.timing.clocks import Clock
    from tradeoff.measure.timing.sampling import Series

MISSING = "the fixture latency_benchmark needs pytest-benchmark: pip install 'tradeoff[bench]'"
TIMED = {
    "cpu": "the host's clock around each call",
    "cuda": "a pair of CUDA events around each call, in a stream of its own; the host waits once a block of calls",
}
"""What is between start and end, by the type of device."""


class LatencyBenchmark:
    """Times a network, or any callable, until its latency is known. One per test, and one call of it."""

    def __init__(self, benchmark: BenchmarkFixture) -> None:
        self.benchmark = benchmark

    def __call__(
        self,
        run: Callable[..., Any],
        *arguments: Any,
        device: str | torch.device | None = None,
        target: float = 0.01,
        seconds: float = 10.0,
        yardstick: bool = True,
        **keywords: Any,
    ) -> Any:
        """Time `run(*arguments, **keywords)` under `torch.inference_mode()`; what its last pass returned.

        device: whose clock is used, cpu or cuda[:N]; without it the one that the network's parameters and the
            tensors among the arguments are on. A callable that hides its tensors has to name it.
        target, seconds: warm-up ends when the passes are steady, sampling when the 95 % interval of their median is
            within `target` of it (a fraction); each takes `seconds` at most.
        yardstick: whether a matrix product and a copy are timed afterwards: one to two seconds, 0.6 GiB on a CPU,
            2.8 GiB on CUDA.
        A callable whose own keywords have one of these names goes in as a `functools.partial`.
        Where pytest-benchmark is disabled it is called once and nothing is timed. Raises InputError for tensors on
        several devices, and a device, target or seconds that cannot be.
        """
        import torch

        _check(target, seconds)
        with torch.inference_mode():
            if self.benchmark.disabled:
                return self._pedantic(run, arguments, keywords)
            timed_on = _find_device(device, run, arguments, keywords)
            with _stream_of(timed_on):
                series, load, result = self._measure(run, arguments, keywords, timed_on, target, seconds)
                self.benchmark.extra_info["tradeoff"] = {
                    "protocol": _protocol(run, timed_on, target, seconds),
                    **_figures(series),
                    **({"yardstick": _yardstick(timed_on)} if yardstick else {}),
                    "load": load,
                }
        return result

    def _measure(
        self,
        run: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        device: torch.device,
        target: float,
        seconds: float,
    ) -> tuple[Series, dict[str, Any], Any]:
        """Passes as pytest-benchmark's rounds; the load beside them, and what the last one returned.

        pytest-benchmark has no door for times that others took. A single round of its `pedantic`, inside of which all
        passes run, keeps everything that it does around a round: no tracer, no garbage collection if so asked, one
        use per test, no statistics of a test that failed. That round's time is then replaced by those of the passes,
        through `stats`, which is public; private names (`_make_stats`, `_mode`) are not needed.
        """
        clock = _clock(device)
        taken: list[tuple[Series, dict[str, Any]]] = []

        def all_passes(*values: Any, **named: Any) -> Any:
            if not taken:  # --benchmark-cprofile calls once more
                taken.append(_sample(lambda: run(*values, **named), clock, target, seconds))
            return run(*values, **named)

        result = self._pedantic(all_passes, arguments, keywords)
        series, load = taken[0]
        rounds = self.benchmark.stats
        assert rounds is not None  # pedantic made them
        rounds.stats.data.clear()
        for milliseconds in series.samples.tolist():
            rounds.update(milliseconds / 1e3)
        return series, load, result

    def _pedantic(self, run: Callable[..., Any], arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        return self.benchmark.pedantic(run, args=arguments, kwargs=dict(keywords), rounds=1)  # type: ignore[no-untyped-call]


class _BesidePytestBenchmark:
    """`benchmark` is asked for by name, since --benchmark-skip and --benchmark-only look for it among a test's
    fixtures before it runs."""

    @pytest.fixture
    def latency_benchmark(self, benchmark: BenchmarkFixture) -> LatencyBenchmark:
        """Times a network or a callable until its latency is known: latency_benchmark(network, clip)."""
        return LatencyBenchmark(benchmark)


class _WithoutPytestBenchmark:
    @pytest.fixture
    def latency_benchmark(self) -> NoReturn:
        """Needs pytest-benchmark, which is not here."""
        pytest.fail(MISSING, pytrace=False)


def pytest_configure(config: pytest.Config) -> None:
    """All plugins are loaded by now; which fixture there is depends on them."""
    theirs = sys.modules.get("pytest_benchmark.plugin")
    there = theirs is not None and config.pluginmanager.is_registered(theirs)
    fixtures = _BesidePytestBenchmark() if there else _WithoutPytestBenchmark()
    config.pluginmanager.register(fixtures, "tradeoff-latency-benchmark")


def _check(target: float, seconds: float) -> None:
    if not 0 < target < 1:
        raise InputError(f"target {target!r} is no fraction: use one between 0 and 1, such as 0.01")
    if not 0 < seconds <= 3600:
        raise InputError(f"seconds {seconds!r} is no time to spend: use more than 0 and at most 3600")


def _find_device(named: str | torch.device | None, *values: Any) -> torch.device:
    """The one that is named, or that tensors are on; one on the CPU beside them is an input still to be copied."""
    from tradeoff.measure.environment import resolve_device

    if named is not None:
        return resolve_device(str(named))
    found = sorted({str(tensor.device) for tensor in _tensors(values)} - {"cpu"})
    if len(found) > 1:
        raise InputError(f"the tensors to time are on {' and '.join(found)}: use one device, or name it with device=")
    return resolve_device(found[0] if found else "cpu")


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    """Those of a network, or of lists, tuples and dictionaries in each other."""
    from torch import Tensor, nn

    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, nn.Module):
        yield from value.parameters()
        yield from value.buffers()
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _tensors(each)


@contextmanager
def _stream_of(device: torch.device) -> Iterator[None]:
    """A stream of its own on CUDA, which does not wait for others: what was queued before is done first."""
    if device.type != "cuda":
        yield
        return
    import torch

    from tradeoff.measure.timing.deployment import own_stream

    with torch.cuda.device(device):  # the test goes on with the device that it had
        torch.cuda.synchronize(device)
        with own_stream(device):
            yield
        torch.cuda.synchronize(device)


def _sample(run: Callable[[], Any], clock: Clock, target: float, seconds: float) -> tuple[Series, dict[str, Any]]:
    from tradeoff.measure.timing.load import LoadWatch
    from tradeoff.measure.timing.sampling import sample

    with LoadWatch() as load:
        series = sample(lambda count: clock.passes(run, count), target, seconds)
    return series, load.as_record()


def _clock(device: torch.device) -> Clock:
    from tradeoff.measure.timing.clocks import EventClock, WallClock

    return EventClock(device) if device.type == "cuda" else WallClock()


def _protocol(run: Callable[..., Any], device: torch.device, target: float, seconds: float) -> dict[str, Any]:
    import torch

    from tradeoff.measure.environment import device_name

    mode = {"mode": "training" if run.training else "evaluation"} if isinstance(run, torch.nn.Module) else {}
    return {
        "target": target,
        "seconds": seconds,
        "threads": torch.get_num_threads(),
        "device": device_name(device),
        "clock": TIMED[device.type],
        **mode,
    }


def _figures(series: Series) -> dict[str, Any]:
    """`process`: all of this is one process, and says nothing about how another one would have fared."""
    from importlib.metadata import version

    import torch

    from tradeoff.records.statistics import median_interval

    median = median_interval(series.samples)
    return {
        "median_ms": median.estimate,
        "low_ms": median.low,
        "high_ms": median.high,
        "method": median.method,
        "samples": len(series.samples),
        "warm_up": len(series.warm_up),
        "steady": series.steady,
        "process": 1,
        "versions": {"torch": str(torch.__version__), "tradeoff": version("tradeoff")},
    }


def _yardstick(device: torch.device) -> dict[str, Any]:
    """What the machine does at that minute; the suite's own choice of TF32 is as it was afterwards."""
    from torch.backends import cuda, cudnn

    from tradeoff.measure.timing.process import is_out_of_memory
    from tradeoff.measure.timing.yardstick import yardstick

    before = cudnn.allow_tf32, cuda.matmul.allow_tf32
    try:
        return yardstick("float32", device, _clock(device)).as_record()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return {"unknown": "out of memory"}  # no reason to lose the latency
    finally:
        cudnn.allow_tf32, cuda.matmul.allow_tf32 = before
