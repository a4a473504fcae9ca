"""The application that every command is registered on, and its console script."""

from __future__ import annotations

import os
import shlex
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from tradeoff.errors import InputError
from tradeoff.setting_names import COMMAND_VARIABLE

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


def _plainly(usual: Callable[..., None]) -> Callable[..., None]:
    """Shows what warns a user as one line, once, and by one process on each machine; other warnings as usual."""
    said: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *place: object, **more: object) -> None:
        if not issubclass(category, UserWarning):
            usual(message, category, *place, **more)
        elif str(message) not in said and os.environ.get("LOCAL_RANK", "0") == "0":
            said.add(str(message))
            sys.stderr.write(f"tradeoff: {message}\n")

    return show


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Bad input is one sentence on standard error and exit code 2; of several processes that a
    launcher started, one on each machine says it, or whichever finds it while it trains."""
    warnings.showwarning = _plainly(warnings.showwarning)
    words = sys.argv[1:] if arguments is None else arguments
    # A record says which command made it, also where a process that this one starts writes it.
    os.environ[COMMAND_VARIABLE] = shlex.join(["tradeoff", *words])
    try:
        app(args=list(arguments) if arguments is not None else None)
    except InputError as error:
        if error.in_training or os.environ.get("LOCAL_RANK", "0") == "0":
            sys.stderr.write(f"tradeoff: {error}\n")
        raise SystemExit(2) from None
    finally:
        os.environ.pop(COMMAND_VARIABLE, None)
