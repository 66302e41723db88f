"""Settings as fields of a class: how each is declared, and how all of them are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, fields
from typing import Any

from headrace.core.errors import InvalidRequest

HIDDEN = "(not shown)"
"""Stands for a secret where settings are printed, because a service's journal keeps what is."""


def setting(
    read: Callable[[str], Any],
    default: Any,
    about: str,
    default_in_words: str | None = None,
    *,
    is_secret: bool = False,
    has_secret: bool = False,
) -> Any:
    """Return the field of a setting.

    Args:
        read: Makes its value of a text, or raises ``ValueError`` with what it must be instead.
        default: Its value if nobody sets it.
        about: What the reference says of it.
        default_in_words: The default, where that of this machine is not everybody's.
        is_secret: Whether it is never printed.
        has_secret: Whether its text may have a secret, which its value does not show.
    """
    about_it = {
        "read": read,
        "about": about,
        "default_in_words": default_in_words,
        "is_shown_as_written": not (is_secret or has_secret),
    }
    return field(default=default, repr=not is_secret, metadata=about_it)


def variable_of(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"HEADRACE_{name.upper()}"


def read_fields(
    settings: Any, environ: Mapping[str, str], overrides: Mapping[str, str]
) -> dict[str, Any]:
    """Return the values of the fields that variables and options give, options first.

    Args:
        settings: The class, whose fields are of :func:`setting`.
        environ: Environment variables.
        overrides: Text by name of setting, as options of the command line gave it.

    Raises:
        InvalidRequest: All that is wrong, in one message. The text of a secret is not in it.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for each in fields(settings):
        variable = variable_of(each.name)
        text = overrides.get(each.name, environ.get(variable))
        if text is None or text == "":
            continue
        try:
            values[each.name] = each.metadata["read"](text)
        except ValueError as error:
            option = f"--{each.name.replace('_', '-')}"
            where = option if each.name in overrides else variable
            said = text if each.metadata["is_shown_as_written"] else HIDDEN
            problems.append(f"{where} is {said!r}: {error}")
    if problems:
        raise InvalidRequest(f"The settings cannot be used: {'; '.join(problems)}.")
    return values
