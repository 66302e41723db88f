"""Functions that are called by their type hints: arguments are converted, and what they return.

The hints are evaluated once, when the function's module has been imported.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Optional, get_type_hints

from headrace_harness.failing import BAD_INPUT, BAD_OUTPUT, USER_ERROR, Failed, printable
from headrace_harness.fitting import Convert, GivenFile, Unfit
from headrace_harness.hints import Converters, structure_of
from headrace_harness.scalars import describe
from headrace_harness.stdlib import dataclasses, inspect


class TypedFunction:
    """The hints of one function.

    Args:
        function: The function.
        where: Its file, for messages.
        name: Its name, for messages.

    Raises:
        Failed: The hints cannot be evaluated.
    """

    def __init__(self, function: Callable[..., Any], where: str, name: str) -> None:
        self._name = name
        target = inspect.unwrap(function)
        # What the reader of the code saw, a decorator may have hidden.
        is_hidden = not getattr(target, "__annotations__", None) and _takes_anything(target)
        if is_hidden:
            raise _unclear(name, where, "a decorator hides them: let it use functools.wraps")
        try:
            is_hinted = hasattr(target, "__annotations__")
            hints = get_type_hints(target, include_extras=True) if is_hinted else {}
            returned = hints.pop("return", None)
            converters = Converters()
            self._converts: list[tuple[str, Convert]] = [
                (parameter, convert)
                for parameter, hint in hints.items()
                for convert in [converters.of(hint)]
                if convert is not None
            ]
            self._structure, self._optional_keys = structure_of(returned)
        except Exception as error:  # noqa: BLE001 - hints are expressions of the user's
            raise _unclear(name, where, f"{type(error).__name__}: {error}") from None

    def arguments(self, values: Mapping[str, Any], files: Collection[str]) -> dict[str, Any]:
        """Return the arguments that the values stand for; None is None for all types.

        Args:
            values: The values, by name.
            files: The names of those that are files, as ``{"path": …}``.

        Raises:
            Failed: Values do not fit their hints; the message says which, and why.
        """
        found = dict(values)
        problems = []
        for name, convert in self._converts:
            value = found.get(name)
            if value is not None:
                # What a caller writes into a JSON value is no path that a function opens.
                if name in files:
                    value = GivenFile(value["path"])
                try:
                    found[name] = convert(value)
                except Unfit as unfit:
                    problems.append(f"input '{name}'{unfit}")
                except RecursionError:
                    problems.append(f"input '{name}' is nested too deeply")
        if problems:
            raise Failed(BAD_INPUT, printable(f"{'; '.join(problems)}."))
        return found

    def returned(self, value: Any, outputs: Mapping[str, str]) -> Any:
        """Return what a function returned as a dict of its outputs.

        The fields of what has fields are the outputs. Where one output is declared, all else is its
        value, but for a dict that has it as its only key.

        Raises:
            Failed: The hint says that something with fields is returned, and it has none.
        """
        if self._structure is None:
            if len(outputs) != 1 or (type(value) is dict and value.keys() == outputs.keys()):
                return value
            return dict.fromkeys(outputs, value)
        if value is None:
            return dict.fromkeys(outputs)
        if isinstance(value, Mapping):
            lacking = [key for key in self._optional_keys if key not in value]
            return {**value, **dict.fromkeys(lacking)} if lacking else value
        names = _fields_of(value)
        if names is not None:
            return {name: getattr(value, name) for name in names}
        expected = getattr(self._structure, "__name__", str(self._structure))
        raise Failed(
            BAD_OUTPUT,
            f"{self._name}() must return {expected}, as its type hint says; it returned "
            f"{describe(value)}.",
        )


def _takes_anything(function: Callable[..., Any]) -> bool:
    """Whether a function takes arguments of any name, as wrappers of other functions do."""
    try:
        parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    except (TypeError, ValueError):  # written in C
        return False
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def _unclear(name: str, where: str, why: str) -> Failed:
    return Failed(
        USER_ERROR,
        f"The type hints of {name}() in {where} cannot be evaluated, and its arguments are "
        f"converted by them ({why}).",
    )


def _fields_of(value: Any) -> Optional[list[str]]:
    """Return the names of the fields of a dataclass or a model; None if it has none."""
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    fields = getattr(type(value), "model_fields", None)
    return None if fields is None else list(fields)
