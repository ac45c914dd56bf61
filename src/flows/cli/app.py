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
from typing import Annotated, Any

import typer

import flows
from flows.cli.options import FINE, INTERRUPTED, OURS, USAGE, USER, joined_setting
from flows.cli.terminal import fail, ours_text, patient_streams, refusal_text, warnings_as_lines
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
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    with patient_streams(), _ended_like_interrupted():
        return _main(arguments)


def _open_closed_streams() -> None:
    """Put nothing in the place of streams that whoever started the process has closed (``>&-``)."""
    for name in ("stdin", "stdout", "stderr"):  # in the order of their numbers, which an open file would take
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115


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
        if torn := _torn(arguments):
            return fail(torn, USER)
        if os.environ.get("FLOWS_DEBUG") == "1":
            traceback.print_exc()
        return fail(str(error), USER)
    except (KeyboardInterrupt, typer.Abort):
        return fail("Interrupted.", INTERRUPTED)
    except USAGE as error:
        return fail(_torn(arguments) or _usage(error, arguments), USER)
    except MemoryError:
        return fail(_TOO_LARGE, USER)
    except Exception as error:
        if refused := refusal_text(error):
            return fail(refused, USER)
        return fail(ours_text(error), OURS)


_TOO_LARGE = (
    "the memory of this machine, or what a command may take of it, doesn't suffice. Close other programs, raise the "
    "limit, or ask for fewer runs, outcomes or draws."
)
_WITH_VALUES = ("--set", "--with", "--lever")
"""Options of which every value holds an equals sign."""


def _typed(arguments: Sequence[str] | None) -> list[str]:
    return list(sys.argv[1:] if arguments is None else arguments)


def _torn(arguments: Sequence[str] | None) -> str:
    """Say which setting fell into words for want of quotation marks; an empty string if none did."""
    typed = _typed(arguments)
    for place, option in enumerate(typed):
        if option not in _WITH_VALUES:
            continue
        words: list[str] = []
        for word in typed[place + 1 :]:
            if word.startswith("-"):
                break
            words.append(word)
            if "=" in word and not word.endswith("="):
                break
        whole = joined_setting(words)
        if len(words) > 1 and "=" in whole.rstrip("="):
            advice = f'Put quotation marks around it: {option} "{whole}".'
            if " " not in whole:
                advice = f"Write it without blanks: {option} {whole}."
            return (
                f'{option} {words[0]}: the setting ends at its first blank, found "{words[0]}", expected NAME=VALUE. '
                + advice
            )
    return ""


def _usage(error: Any, arguments: Sequence[str] | None) -> str:
    """Word a usage error, with the help of the command concerned and the option that is called differently there."""
    typed = _typed(arguments)
    known = {command.name for command in app.registered_commands}
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "flows"
    if path == "flows" and typed and typed[0] in known:
        path = f"flows {typed[0]}"
    words = error.format_message().strip().rstrip(".")
    words += "" if words.endswith("?") else "."
    wrong = getattr(error, "option_name", "")
    if type(error).__name__ == "NoSuchOption" and wrong in _WITH_VALUES and context is not None:
        here = {name for parameter in context.command.params for name in parameter.opts}
        instead = next((option for option in _WITH_VALUES if option in here), "")
        if instead:
            return f"No such option: {wrong}. Write {instead} 'NAME=VALUE' here. See: {path} --help"
    return f"{words} See: {path} --help"


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
