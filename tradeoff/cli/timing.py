"""The command that times: latency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tradeoff.cli.app import app
from tradeoff.cli.options import Classes, Clip, Device, Json, Threads, Width, make_sweep_of, plan_of
from tradeoff.console import print_rows

if TYPE_CHECKING:
    from tradeoff.sweep.file import Sweep


LATENCY_HEADINGS = {
    "variant": "variant",
    "units": "units",
    "latency_ms": "median ms",
    "low_ms": "low",
    "high_ms": "high",
    "passes": "passes",
    "interval": "interval",
}


@app.command()
def latency(
    variants: Annotated[list[str], typer.Argument(help="I2D, I3D, S3D, S3D-G, Fast-S3D, Top-Heavy-I3D-4, ...")],
    clip: Clip = "16x64x64",
    width: Width = 1.0,
    classes: Classes = 400,
    batch: Annotated[int, typer.Option(help="Clips at once.")] = 1,
    precision: Annotated[str, typer.Option(help="float32, bf16 or fp16.")] = "float32",
    layout: Annotated[str, typer.Option(help="channels_last_3d or contiguous.")] = "channels_last_3d",
    seconds: Annotated[float, typer.Option(help="Sampling time a process.")] = 2.0,
    processes: Annotated[int, typer.Option(help="Fresh processes; each is one replicate.")] = 3,
    device: Device = "cpu",
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Time variants with random weights in fresh processes. Keep the machine idle meanwhile.

    Example: tradeoff latency I3D S3D --clip 16x112x112
    """
    protocol = {"batch": batch, "precision": precision, "layout": layout, "threads": threads}
    protocol |= {"seconds": seconds, "processes": processes}
    values = {"variants": variants, "clip": clip, "width": width, "classes": classes, "latency": protocol}
    _print_latencies(make_sweep_of("latency", values), device, as_json)


def _print_latencies(chosen: Sweep, device: str, as_json: bool) -> None:
    from tradeoff.measure.environment import device_name
    from tradeoff.measure.latency import latencies

    assert chosen.latency is not None
    plan = plan_of(chosen, device, 0)
    rows = []
    for variant in plan.variants:
        interval, samples = latencies(variant, chosen.shape, chosen.latency, str(plan.device))
        row = {"variant": variant.name, "units": getattr(variant, "units", ""), "latency_ms": interval.estimate}
        row |= {"low_ms": interval.low, "high_ms": interval.high, "interval": interval.method, "passes": samples}
        rows.append(row)
    protocol = ", ".join(f"{key} {value}" for key, value in chosen.latency.model_dump().items())
    caption = f"{device_name(plan.device)}, clip {chosen.clip}, width {chosen.width:g}, {protocol}, 95 % interval"
    print_rows(rows, LATENCY_HEADINGS, caption, as_json)
