"""The command that compares latencies and gives a verdict: gate."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradeoff.cli.app import app
from tradeoff.cli.options import Classes, Clip, Device, Json, Threads, Width, given_value, make_sweep_of, plan_of
from tradeoff.console import json_text, print_json, print_renderables, print_rows
from tradeoff.errors import InputError

if TYPE_CHECKING:
    from tradeoff.gate.report import Report
    from tradeoff.gate.run import Plan
    from tradeoff.gate.verdict import Rule

INTERRUPTED = 130
_ALL_BUT_FILES = ("--base", "--against", "--calibrate")
_MODES = (*_ALL_BUT_FILES, "--benchmark-json")
_FITS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("base", "against", "benchmark_json", "calibrate", "error", "floor", "same", "strict"), _MODES),
    **dict.fromkeys(("markdown", "save", "as_json"), _MODES),
    **dict.fromkeys(("head", "repository"), ("--base",)),
    "pairs": ("--base", "--calibrate"),
    "gates": ("--calibrate",),
    "process_spread": ("--benchmark-json",),
}
"""Which options go with which kind of gate; those that are not named, with all but files of pytest-benchmark."""


@app.command()
def gate(
    context: typer.Context,
    variants: Annotated[list[str] | None, typer.Argument(help="S3D, Fast-S3D, module:callable, ...")] = None,
    base: Annotated[str | None, typer.Option(help="The revision to compare with: a commit, branch or tag.")] = None,
    head: Annotated[str | None, typer.Option(help="The revision to judge; default: the working tree.")] = None,
    repository: Annotated[Path, typer.Option("--repo", help="A folder of the git repository.")] = Path(),
    against: Annotated[Path | None, typer.Option(help="Compare with a folder of records of this machine.")] = None,
    benchmark_json: Annotated[
        tuple[Path, Path] | None, typer.Option(help="Compare two files that pytest-benchmark wrote: base, head.")
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Compare variants with themselves, many times.")
    ] = False,
    gates: Annotated[int, typer.Option(min=1, max=10_000, help="Of a calibration.")] = 20,
    sweep: Annotated[
        Path | None, typer.Option(help="Take variants, clip, width and classes from a sweep file.")
    ] = None,
    clip: Clip = "16x64x64",
    width: Width = 1.0,
    classes: Classes = 400,
    runtime: Annotated[str, typer.Option(help="eager, compile, compile-frozen, onnxruntime, openvino, tensorrt.")] = (
        "eager"
    ),
    precision: Annotated[str, typer.Option(help="float32 (fp32), tf32, bf16, fp16.")] = "float32",
    layout: Annotated[str, typer.Option(help="channels_last_3d, contiguous, or auto: the runtime's.")] = "auto",
    batch: Annotated[int, typer.Option(help="Clips at once.")] = 1,
    device: Device = "cpu",
    threads: Threads = 0,
    budget: Annotated[float, typer.Option(min=1, help="Seconds that a gate may take.")] = 600.0,
    pairs: Annotated[int, typer.Option(min=2, max=1000, help="Pairs of processes of a variant at most.")] = 40,
    error: Annotated[float, typer.Option(help="Probability of any false SLOWER or FASTER in a gate.")] = 0.01,
    floor: Annotated[float, typer.Option(help="The smallest change that matters, a fraction.")] = 0.01,
    same: Annotated[float, typer.Option(help="SAME is an interval within this fraction of no change.")] = 0.02,
    process_spread: Annotated[
        float | None, typer.Option(help="With --benchmark-json: how much processes differ, SD of log latency.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="CANNOT TELL is a failure: exit code 1, not 3.")] = False,
    markdown: Annotated[Path | None, typer.Option(help="Write a summary for a pull request to this file.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write everything that was measured to this JSON file.")] = None,
    as_json: Json = False,
) -> None:
    """Is head slower than base? SLOWER only when it is, SAME only when that can be known, else CANNOT TELL.

    Exit codes: 0 nothing is slower, 1 something is, 2 bad input, 3 cannot tell (1 with --strict).

    Example: tradeoff gate --base origin/main S3D Fast-S3D --clip 16x112x112

    Example: tradeoff gate --base HEAD "my_nets:make(depth=3)" --budget 120

    Example: tradeoff gate --against results/reference I3D --clip 16x112x112

    Example: tradeoff gate --calibrate S3D --width 0.25 --budget 45
    """
    modes = {"--base": base, "--against": against, "--benchmark-json": benchmark_json, "--calibrate": calibrate or None}
    mode = _one_of(modes)
    _check_fit(mode, context)
    if not isfinite(budget):
        raise InputError(f"--budget is {budget}: it should be a number of seconds")
    rule = _rule(error, floor, same)
    for path in (markdown, save):
        _check_writable(path)
    setting = {"runtime": runtime, "precision": precision, "layout": layout, "batch": batch, "threads": threads}
    if benchmark_json is not None:
        report = _of_benchmarks(*benchmark_json, rule, process_spread)
    else:
        given = {"clip": clip, "width": width, "classes": classes, "variants": variants or []}
        networks = _named(given, sweep, context)
        with _interruptible():
            if against is not None:
                report = _of_stored(against, networks, setting, device, rule, budget)
            else:
                plan = _plan(networks, setting, device, rule, budget, pairs)
                report = _of_calibration(plan, gates) if base is None else _of_revisions(repository, base, head, plan)
    _write(report, markdown, save)
    _show(report, as_json)
    raise typer.Exit(_exit_code(report, strict))


def _exit_code(report: Report, strict: bool) -> int:
    from tradeoff.gate.verdict import exit_code  # scipy with it, which --help does not wait for

    return exit_code(report.verdicts, strict)


def _of_revisions(repository: Path, base: str, head: str | None, plan: Plan) -> Report:
    from tradeoff.gate.report import of_revisions
    from tradeoff.gate.run import run_gate

    return of_revisions(run_gate(repository, base, head, plan, _say))


def _of_calibration(plan: Plan, gates: int) -> Report:
    from tradeoff.gate.calibrate import calibrate
    from tradeoff.gate.report import of_calibration

    return of_calibration(calibrate(plan, gates, _say))


def _of_stored(
    folder: Path, networks: Mapping[str, Any], setting: Mapping[str, Any], device: str, rule: Rule, budget: float
) -> Report:
    from tradeoff.gate.against import compare_stored
    from tradeoff.gate.report import of_stored
    from tradeoff.gate.stored import stored_latencies

    plan = plan_of(make_sweep_of("gate", {**networks, "latency": dict(setting)}), device, 0)
    found = stored_latencies(folder, plan.variants, plan.sweep.shape, plan.settings[0], plan.device)
    return of_stored(found, compare_stored(found, rule, budget, _say), rule)


def _of_benchmarks(base: Path, head: Path, rule: Rule, spread: float | None) -> Report:
    from tradeoff.gate.benchmark_json import PROCESS_SPREAD, compare_files, less
    from tradeoff.gate.report import of_benchmarks

    between = PROCESS_SPREAD if spread is None else spread
    compared = compare_files(base, head, rule, between)
    return of_benchmarks(base, head, compared, rule, less(compared, rule, between))


def _show(report: Report, as_json: bool) -> None:
    if as_json:
        print_json(report.record)
        return
    if report.rows:
        print_rows(report.rows, report.headings, "", as_json=False)
    print_renderables([*report.notes, *report.caption, *([report.headline] if report.headline else [])])


def _write(report: Report, markdown: Path | None, save: Path | None) -> None:
    from tradeoff.records.store import write_atomically

    texts = [(markdown, report.markdown()), (save, json_text(report.record))]
    for path, text in texts:
        if path is None:
            continue
        try:
            write_atomically(path, text.encode())
        except OSError as error:
            raise InputError(f"file {path} cannot be written: {error.strerror}") from error


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C, the polite end that CI makes of a job and a terminal that is closed leave no checkout and no process."""
    ends = [each for each in signal.Signals if each.name in ("SIGTERM", "SIGHUP")]
    before = {each: signal.signal(each, _interrupt) for each in ends}
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("tradeoff: interrupted; checkouts and processes are gone, and nothing is written\n")
        raise typer.Exit(INTERRUPTED) from None
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _plan(
    networks: Mapping[str, Any], setting: Mapping[str, Any], device: str, rule: Rule, budget: float, pairs: int
) -> Plan:
    from tradeoff.clip_shape import ClipShape
    from tradeoff.gate.checkout_code import Wanted
    from tradeoff.gate.run import Plan
    from tradeoff.measure.environment import resolve_device
    from tradeoff.measure.protocol import LatencyAxes
    from tradeoff.measure.runtimes import combinations

    sweep = make_sweep_of("gate", {"variants": ["I3D"], "width": networks["width"], "latency": dict(setting)})
    assert isinstance(sweep.latency, LatencyAxes)
    (protocol, *others), _ = combinations(sweep.latency, resolve_device(device))
    if others:
        raise InputError("a gate is of one runtime, precision and layout: name one of each")
    names = list(dict.fromkeys(networks["variants"]))
    wanted = tuple(Wanted(name, networks["classes"], networks["width"]) for name in names)
    return Plan(wanted, ClipShape.parse(networks["clip"]), protocol, device, rule, budget, pairs)


def _one_of(modes: Mapping[str, Any]) -> str:
    given = [name for name, value in modes.items() if value is not None]
    if len(given) != 1:
        said = f"{' and '.join(given)} are given together" if given else "nothing to compare with is given"
        raise InputError(f"{said}: use one of {', '.join(modes)}")
    return given[0]


def _check_fit(mode: str, context: typer.Context) -> None:
    """An option that would be of no effect is refused: who gave it expects one."""
    for name in context.params:
        modes = _FITS.get(name, _ALL_BUT_FILES)
        if mode not in modes and given_value(context, name) not in (None, []):
            raise InputError(f"{_flag(name)} goes with {' or '.join(modes)}, not with {mode}: leave it out")


def _flag(name: str) -> str:
    return {"variants": "VARIANTS", "repository": "--repo"}.get(name, f"--{name.replace('_', '-')}")


def _rule(error: float, floor: float, same: float) -> Rule:
    from pydantic import ValidationError

    from tradeoff.gate.verdict import Rule

    try:
        return Rule(error=error, floor=floor, same=same)
    except ValidationError as problem:
        first = problem.errors()[0]
        said = first["msg"].removeprefix("Input ")
        raise InputError(f"--{first['loc'][0]} is {first['input']}: it {said}") from None


def _named(networks: Mapping[str, Any], sweep: Path | None, context: typer.Context) -> dict[str, Any]:
    """With what a sweep file says; an option beside it goes before it. Raises InputError where there is no variant."""
    values = dict(networks)
    if sweep is not None:
        from tradeoff.sweep.file import read_sweep

        chosen = read_sweep(sweep)
        found = {"variants": chosen.names, "clip": chosen.clip, "width": chosen.width, "classes": chosen.classes}
        values |= {key: value for key, value in found.items() if value is not None and not given_value(context, key)}
    if not values["variants"]:
        raise InputError("gate needs variants: name some, as in tradeoff gate --base HEAD S3D, or a --sweep file")
    return values


def _check_writable(path: Path | None) -> None:
    """Before anything is measured."""
    if path is not None and not path.absolute().parent.is_dir():
        raise InputError(f"file {path} cannot be written: there is no folder {path.absolute().parent}")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
