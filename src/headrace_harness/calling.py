"""Calling the user's function with exactly its inputs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Optional

from headrace_harness import native, shadows, tracebacks
from headrace_harness.failing import BAD_INPUT, EXITED, USER_ERROR, Failed
from headrace_harness.stdlib import contextlib, inspect

TYPED = "typed"
"""How functions are called whose values are converted; of headrace.core.pipelines."""


def call_function(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    where: str,
    name: str,
    *,
    has_outputs: bool,
    is_joined: bool = False,
) -> Any:
    """Return the function's result; a coroutine is run to its end.

    Args:
        function: The user's function.
        arguments: All its arguments, by name.
        where: Its file, for messages.
        name: Its name, for messages.
        has_outputs: Whether anything has to be returned; if not, ``sys.exit()`` is a success.
        is_joined: Whether what a generator yields is returned as a list.

    Raises:
        Failed: It does not take these arguments, raised an exception (its traceback is on stderr
            then) or called ``sys.exit``.
    """
    check_arguments(function, arguments, where, name)
    try:
        returned = function(**arguments)
        if inspect.isawaitable(returned):
            with shadows.lifted():
                import asyncio

            returned = asyncio.run(_wait_for(returned))
        if is_joined and inspect.isgenerator(returned):
            returned = list(returned)
        elif is_joined and inspect.isasyncgen(returned):
            with shadows.lifted():
                import asyncio

            returned = asyncio.run(_list_of(returned))
    except SystemExit as stop:
        if (stop.code is None or stop.code == 0) and not has_outputs:
            return None
        raise Failed(EXITED, f"{name}() called sys.exit({stop.code!r}).") from None
    except BaseException as error:  # noqa: BLE001 - user code: anything may be raised
        print_error(tracebacks.full_text(error))
        raise Failed(USER_ERROR, tracebacks.last_line(error)) from None
    return returned


def completed(
    function: Callable[..., Any], arguments: Mapping[str, Any], absent: Mapping[str, Optional[str]]
) -> dict[str, Any]:
    """Return all arguments: of inputs that nothing was given for, those without a default are None.

    Args:
        function: The user's function.
        arguments: The arguments that were given.
        absent: The other inputs, with what is wrong if the function has no default; None if
            nothing is.

    Raises:
        Failed: Something is wrong.
    """
    try:
        parameters: Mapping[str, inspect.Parameter] = inspect.signature(function).parameters
    except (TypeError, ValueError):
        parameters = {}  # written in C
    found = dict(arguments)
    for name, why in absent.items():
        parameter = parameters.get(name)
        if parameter is None or parameter.default is parameter.empty:
            if why is not None:
                raise Failed(BAD_INPUT, why)
            found[name] = None
    return found


def print_error(text: str) -> None:
    """Write to stderr what user code has to see, after all that it printed itself."""
    for stream in (sys.stdout, sys.stderr):
        flush(stream)
    native.flush()
    # User code may have closed stderr.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.__stderr__.write(text)  # type: ignore[union-attr]  # AttributeError is awaited
        flush(sys.__stderr__)


def flush(stream: Any) -> None:
    """Flush a stream that user code may have replaced by anything."""
    try:
        stream.flush()
    except Exception:  # noqa: BLE001 - user code: anything may be raised
        return


async def _wait_for(awaitable: Any) -> Any:
    return await awaitable


async def _list_of(generator: Any) -> list[Any]:
    return [item async for item in generator]


def check_arguments(
    function: Callable[..., Any], arguments: Mapping[str, Any], where: str, name: str
) -> None:
    """Look whether a function takes these arguments.

    Raises:
        Failed: It does not; the message says what it takes.
    """
    try:
        signature = inspect.signature(function)
    except Exception:  # noqa: BLE001 - ValueError if it is written in C, or user code's own
        return  # then it checks for itself
    try:
        signature.bind(**arguments)
    except TypeError:
        raise Failed(USER_ERROR, _explain(signature, arguments, f"{where}: {name}()")) from None


def _explain(signature: inspect.Signature, arguments: Mapping[str, Any], what: str) -> str:
    by_name = {
        parameter.name: parameter
        for parameter in signature.parameters.values()
        if parameter.kind in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}
    }
    only_by_position = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.kind is parameter.POSITIONAL_ONLY and parameter.default is parameter.empty
    ]
    if only_by_position:
        names = ", ".join(f"'{name}'" for name in only_by_position)
        return f"{what} takes {names} by position alone; inputs are given by name."
    parameters = f"its parameters are {', '.join(by_name)}" if by_name else "it has no parameters"
    unknown = [name for name in arguments if name not in by_name]
    if unknown and not any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        names = ", ".join(f"'{name}'" for name in unknown)
        noun = "parameter" if len(unknown) == 1 else "parameters"
        return f"{what} takes no {noun} {names}; {parameters}."
    lacking = ", ".join(
        f"'{name}'"
        for name, parameter in by_name.items()
        if parameter.default is parameter.empty and name not in arguments
    )
    return f"{what} needs {lacking}, which no input gives; {parameters}."
