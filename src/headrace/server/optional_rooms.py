"""Rooms of this program that need a library which not everybody has installed."""

from __future__ import annotations

import importlib
from types import ModuleType

from headrace.core.errors import InvalidRequest


def optional_room(module: str, what: str, extra: str) -> ModuleType:
    """Return the door of a room.

    Args:
        module: Its name.
        what: What the settings ask for that needs it, as the beginning of a sentence.
        extra: What to install for it.

    Raises:
        InvalidRequest: Its library is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("headrace"):
            raise
        raise InvalidRequest(
            f"{what} need {error.name}, which is not installed here: "
            f"pip install 'headrace[{extra}]'"
        ) from None
