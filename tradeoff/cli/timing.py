"""The command that times: latency."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradeoff.cli.app import app
from tradeoff.cli.options import Classes, Clip, Device, Json, Threads, Width, make_sweep_of, plan_of
from tradeoff.console import print_renderables, print_rows

if TYPE_CHECKING:
    from tradeoff.measure.latency import Timing
    from tradeoff.sweep.file import Sweep
    from tradeoff.sweep.plan import Plan


HEADINGS = {
    "variant": "variant",
    "setting": "runtime",
    "precision": "precision",
    "layout": "layout",
    "batch": "batch",
    "latency": "ms [95 %]",
    "host": "host ms",
    "video": "video ms",
    "clips_per_second": "clips/s",
    "peak_mb": "peak MB",
    "error": "error",
    "matrix": "matrix rate",
    "bound": "bound",
    "prepare_s": "prepare s",
    "steady": "steady",
}
_NAMED = ("variant", "setting", "precision", "layout", "batch")


@app.command()
def latency(
    variants: Annotated[list[str], typer.Argument(help="I2D, I3D, S3D, S3D-G, Fast-S3D, Top-Heavy-I3D-4, ...")],
    clip: Clip = "16x64x64",
    width: Width = 1.0,
    classes: Classes = 400,
    runtime: Annotated[
        str, typer.Option(help="eager, compile, compile-frozen, onnxruntime, openvino, tensorrt; a,b; or all.")
    ] = "eager",
    precision: Annotated[str, typer.Option(help="float32 (fp32), tf32, bf16, fp16; a,b; or all.")] = "float32",
    layout: Annotated[str, typer.Option(help="channels_last_3d, contiguous; a,b; all; or each runtime's.")] = "auto",
    batch: Annotated[str, typer.Option(help="Clips at once; 1,8 for several.")] = "1",
    views: Annotated[str, typer.Option(help="Of a video, clips x crops: time per video is that many.")] = "1x1",
    cache: Annotated[str, typer.Option(help="warm, or cold: caches are overwritten before each pass.")] = "warm",
    throughput: Annotated[str, typer.Option(help="Other batch sizes to measure clips/s and memory at.")] = "4",
    target: Annotated[float, typer.Option(help="Pass until the median is known to within this fraction.")] = 0.01,
    seconds: Annotated[float, typer.Option(help="Or until this long is spent, a process and phase.")] = 10.0,
    processes: Annotated[int, typer.Option(help="Fresh processes; each is one replicate, 1 is a quick look.")] = 8,
    spacing: Annotated[float, typer.Option(help="Seconds at least between two processes of a setting.")] = 60.0,
    device: Device = "cpu",
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Time variants with random weights in fresh processes, in any runtime, precision and layout; the fastest first.

    Keep the machine idle meanwhile. Ends with exit code 1 when one could not be timed.

    Example: tradeoff latency I3D S3D --clip 16x112x112

    Example: tradeoff latency S3D --runtime all --precision all --clip 16x224x224
    """
    axes: dict[str, Any] = {"runtime": _listed(runtime), "precision": _listed(precision), "layout": _listed(layout)}
    axes |= {"batch": _numbers(batch), "throughput": _numbers(throughput), "views": views, "cache": cache}
    axes |= {"target": target, "seconds": seconds, "processes": processes, "spacing": spacing}
    axes |= {"threads": threads}
    values = {"variants": variants, "clip": clip, "width": width, "classes": classes, "latency": axes}
    _time(make_sweep_of("latency", values), device, as_json)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _numbers(text: str) -> list[Any]:
    """Whole numbers; what is none stays a text, which the sweep's check refuses by name. Empty: none at all."""
    return [int(part) if part.isdecimal() else part for part in _listed(text)] if text.strip() else []


def _time(chosen: Sweep, device: str, as_json: bool) -> None:
    from tradeoff.measure.latency import latencies

    plan = plan_of(chosen, device, 0)
    protocols, left_out = plan.settings
    for sentence in left_out:
        sys.stderr.write(f"left out: {sentence}\n")
    timings = latencies(plan.variants, protocols, chosen.shape, str(plan.device), _say)
    rows = sorted((_row(timing) for timing in timings), key=lambda row: row.get("latency_ms", float("inf")))
    rows.sort(key=lambda row: row["batch"])
    print_rows(rows if as_json else [_shown(row) for row in rows], _headings(chosen), _caption(plan), as_json)
    failed = [f"FAILED {row['variant']} {row['setting']}: {row['failure']}" for row in rows if row["failure"]]
    if not as_json:
        print_renderables([*_notes(timings), *failed])
    if failed:
        raise typer.Exit(1)


def _headings(chosen: Sweep) -> dict[str, str]:
    """Without the columns that say nothing here: one batch size, a video of one view."""
    assert chosen.latency is not None
    idle = {"batch": len(chosen.latency.batch) == 1, "video": chosen.latency.views_per_video == 1}
    return {key: heading for key, heading in HEADINGS.items() if not idle.get(key)}


def _notes(timings: Sequence[Timing]) -> list[str]:
    """What was found beside the timing: convolutions outside the expected library, and on a GPU what
    a pass takes without launches from Python."""
    found = {f"{each.variant.name} {each.protocol}": each.processes[0].values for each in timings if each.processes}
    notes = [f"{name}: {values['note']}" for name, values in found.items() if "note" in values]
    graphs = ((name, values["graph"]) for name, values in found.items() if "graph" in values)
    return notes + [f"{name}, captured as a CUDA graph: {_graph_words(graph)}" for name, graph in graphs]


def _graph_words(graph: Mapping[str, Any]) -> str:
    return f"{graph['median_ms']:.4g} ms" if "median_ms" in graph else str(graph["failed"])


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _row(timing: Timing) -> dict[str, Any]:
    """Everything that was measured of one variant and protocol: the columns of the joined table."""
    from tradeoff.records.latency import timed_columns

    done = [each.values for each in timing.processes if "median_ms" in each.values]
    protocol = timing.protocol.model_dump(mode="json", exclude={"seconds", "target", "throughput"})
    row = {
        "variant": timing.variant.name,
        "units": getattr(timing.variant, "units", ""),
        **protocol,
        "setting": timing.protocol.runtime,
    }
    row |= {"outcome": timing.processes[-1].outcome if timing.processes else "failed", "failure": timing.failure}
    if not done:
        return row
    raw = [each.samples_ms.tolist() for each in timing.processes]
    return row | timed_columns(done) | {"processes": len(done), "measured": done, "samples_ms": raw}


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as texts, in the columns of `HEADINGS`."""
    if "latency_ms" not in row:
        return dict.fromkeys(HEADINGS, "") | {key: row[key] for key in _NAMED} | {"latency": row["outcome"]}
    return {key: row[key] for key in (*_NAMED, "bound")} | {
        "latency": f"{row['latency_ms']:.4g} [{row['latency_low_ms']:.4g}, {row['latency_high_ms']:.4g}]",
        "host": f"{row['host_ms']:.4g}",
        "video": f"{row['video_ms']:.4g}",
        "clips_per_second": f"{row['clips_per_second']:.3g} at {row['throughput_batch']}",
        "peak_mb": "" if isnan(row["peak_memory_bytes"]) else f"{row['peak_memory_bytes'] / 1e6:.0f}",
        "error": f"{row['output_error']:.1g}",
        "matrix": "" if isnan(row["matrix_fraction"]) else f"{100 * row['matrix_fraction']:.0f} %",
        "prepare_s": f"{row['prepare_s']:.1f}",
        "steady": f"{row['steady_processes']} of {row['processes']}",
    }


def _caption(plan: Plan) -> str:
    from tradeoff.measure.environment import device_name
    from tradeoff.measure.timing.process import IN_TIMED_REGION

    axes = plan.sweep.latency
    assert axes is not None
    many = (
        f"{axes.processes} processes, {axes.spacing:g} s apart or more, geometric mean of their medians with Student's "
        "t on logarithms"
    )
    quick = "1 process, a quick look: the interval is that of its median, and nothing about other processes"
    return "\n".join(
        [
            f"{device_name(plan.device)}, {_threads(plan)} threads, clip {plan.sweep.clip}, batch "
            f"{', '.join(map(str, axes.batch))}, width {plan.sweep.width:g}, caches {axes.cache}; random weights.",
            f"ms: {IN_TIMED_REGION['device']}. {many if axes.processes > 1 else quick}.",
            f"host ms: {IN_TIMED_REGION['host']}. Error: of the output, relative to eager float32's.",
            "matrix rate: multiply-adds at the rate of a large matrix product in that precision, over ms; "
            "bound: what limits the network at that rate and this memory, layer by layer.",
        ]
    )


def _threads(plan: Plan) -> int:
    from tradeoff.measure.latency import resolve_threads

    return resolve_threads(plan.settings[0][0]).threads
