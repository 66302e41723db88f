"""Carries out a command line, and says how it ended: exit codes, and errors in one sentence.

The libraries that read command lines take longer to load than a run takes, so what is asked for
most is carried out without them.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence

from headrace.cli.exits import (
    COMPLETION_VARIABLE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_NO_SERVER,
    EXIT_PIPE,
    EXIT_USAGE,
)
from headrace.cli.session import Session
from headrace.cli.usage import WrongUsage
from headrace.core.errors import (
    HeadraceError,
    InvalidRequest,
    ServerPaused,
    Unauthenticated,
    Unavailable,
)
from headrace.version import __version__

TRACEBACK_VARIABLE = "HEADRACE_TRACEBACK"


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line and return its exit code; errors are printed, not raised."""
    _prepare_streams()
    current = Session()
    try:
        return _ended(current, lambda: _written(_carry_out(list(arguments), current)))
    finally:
        current.close()


def _carry_out(arguments: list[str], current: Session) -> int:
    if COMPLETION_VARIABLE not in os.environ:
        if arguments == ["--version"]:
            current.screen.say(__version__, {"version": __version__})
            return 0
        from headrace.cli.quick import recognised  # noqa: PLC0415 - only commands need it

        quick = recognised(arguments)
        if quick is not None:
            return quick(current)
    from headrace.cli.main import carry_out  # noqa: PLC0415 - see the module's docstring

    return carry_out(arguments, current)


def _written(code: int) -> int:
    """Return an exit code once all is written: what stays here would be lost without a word."""
    sys.stdout.flush()
    return code


def _ended(current: Session, command: Callable[[], int]) -> int:
    """Return the exit code of a command, whichever way it ended."""
    try:
        return command()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else EXIT_FAILED if stop.code else 0
    except KeyboardInterrupt:
        current.screen.note("Interrupted.")
        return EXIT_INTERRUPTED
    except ModuleNotFoundError:
        # The entry point knows what is not installed.
        raise
    except BrokenPipeError:
        _let_go_of_stdout()
        return EXIT_PIPE
    except HeadraceError as error:
        return _failed(current, error)
    except Exception as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        if isinstance(error, OSError) and error.strerror:
            where = f"{error.filename}: " if error.filename else ""
            failure = HeadraceError(f"{where}{error.strerror}.")
        else:
            failure = HeadraceError(
                f"{type(error).__name__}: {error}. This is a defect of Headrace; with "
                f"{TRACEBACK_VARIABLE}=1 it shows where."
            )
        return _failed(current, failure)


def _failed(current: Session, error: HeadraceError) -> int:
    with contextlib.suppress(OSError):
        current.screen.error(error)
    _let_go_of_stdout()
    if isinstance(error, WrongUsage):
        return EXIT_USAGE
    if isinstance(error, InvalidRequest) and not error.is_answer:
        return EXIT_USAGE
    is_silent = isinstance(error, Unauthenticated | Unavailable)
    # One that is paused answers, and takes the token.
    return EXIT_NO_SERVER if is_silent and not isinstance(error, ServerPaused) else EXIT_FAILED


def _prepare_streams() -> None:
    """Make stdin, stdout and stderr usable, whatever they are."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - for the whole life
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Whoever closed it wants to see nothing.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - as above
        elif hasattr(stream, "reconfigure"):
            # What user code logged may hold characters that this terminal cannot show.
            stream.reconfigure(errors="backslashreplace")


def _let_go_of_stdout() -> None:
    """Send what is still to be written to nowhere, or Python would fail once more at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
