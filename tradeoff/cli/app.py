"""The application that every command is registered on, and its console script."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from tradeoff.errors import InputError

app = typer.Typer(
    help="Speed-accuracy trade-offs of video networks: train, measure, compare.\n\n"
    "Start with: tradeoff sweep sweeps/smoke.yaml",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _main(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if show_version:
        typer.echo(f"tradeoff {version('tradeoff')}")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Bad input is one sentence on standard error and exit code 2; of several processes that a
    launcher started, one on each machine says it, or whichever finds it while it trains."""
    try:
        app(args=list(arguments) if arguments is not None else None)
    except InputError as error:
        if error.in_training or os.environ.get("LOCAL_RANK", "0") == "0":
            sys.stderr.write(f"tradeoff: {error}\n")
        raise SystemExit(2) from None
