"""Wrong usage of the command, which exits with 2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from headrace.core.errors import HeadraceError, InvalidRequest


class WrongUsage(HeadraceError):
    """What was typed cannot be carried out, whatever a server says."""


def wrong(option: str, why: str) -> WrongUsage:
    """Return the error of an option or argument whose value cannot be used."""
    return WrongUsage(f"Invalid value for {option}: {why}")


@contextmanager
def usage(option: str) -> Iterator[None]:
    """Turn what is wrong with an option's value into an error of usage."""
    try:
        yield
    except InvalidRequest as error:
        raise wrong(option, error.message) from None
