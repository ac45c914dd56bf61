"""Command line: arguments → library call → print. The one package that prints.

Exit codes: 0 fine; 1 the user's mistake, usage errors too; 2 ours; 130 interrupted. Everything heavy is
imported inside the commands, so that ``flows --help`` answers at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

import flows
from flows.cli.options import FINE, INTERRUPTED, OURS, USAGE, USER
from flows.cli.terminal import fail, ours_text, patient_streams, warnings_as_lines
from flows.errors import FlowsError

app = typer.Typer(
    name="flows",
    help="A stock-and-flow model of migration through Mexico: run it, compare policies, probe its uncertainties.",
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        The process's own by default.

    Returns
    -------
    int
        The exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    with patient_streams(), _ended_like_interrupted():
        return _main(arguments)


@contextlib.contextmanager
def _ended_like_interrupted() -> Iterator[None]:
    """Let a request to end (SIGTERM: a scheduler, a shutdown) clean up as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():  # only there may a handler be set
        yield
        return

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _main(arguments: Sequence[str] | None) -> int:
    try:
        with warnings_as_lines():
            code = app(
                args=None if arguments is None else list(arguments), prog_name="flows", standalone_mode=False
            )
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        return code if isinstance(code, int) else FINE
    except FlowsError as error:
        if os.environ.get("FLOWS_DEBUG") == "1":
            traceback.print_exc()
        return fail(str(error), USER)
    except (KeyboardInterrupt, typer.Abort):
        return fail("Interrupted.", INTERRUPTED)
    except USAGE as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "flows"
        words = error.format_message().strip().rstrip(".")
        return fail(f"{words}{'' if words.endswith('?') else '.'} See: {path} --help", USER)
    except Exception as error:
        return fail(ours_text(error), OURS)


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)
    ] = False,
) -> None:
    if version:
        print(f"flows {flows.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit
