"""The entries of the navigation, and the letters that lead to them from the keyboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlencode


class Entry(NamedTuple):
    """An entry.

    Attributes:
        name: What it is called, which is also the section that a page names.
        path: Where it leads.
        key: The letter that leads there after ``g``.
    """

    name: str
    path: str
    key: str


HOME = Entry("Home", "/", "h")
PIPELINES = Entry("Pipelines", "/pipelines", "p")
DEPLOYMENTS = Entry("Deployments", "/deployments", "d")
EXECUTIONS = Entry("Executions", "/executions", "e")
MONITORING = Entry("Monitoring", "/monitoring", "m")
DATA_STORE = Entry("Data store", "/data-store", "s")
VARIABLES = Entry("Variables", "/variables", "v")
SETTINGS = Entry("Settings", "/settings", "t")

NAVIGATION = (
    HOME,
    PIPELINES,
    DEPLOYMENTS,
    EXECUTIONS,
    MONITORING,
    DATA_STORE,
    VARIABLES,
    SETTINGS,
)


def address(path: str, /, **given: str | int | None) -> str:
    """Return the address of a page, with what is given and not empty in its query."""
    query = urlencode({key: value for key, value in given.items() if value})
    return f"{path}?{query}" if query else path


def address_of(path: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Return the address of a page, whose query may have a name several times."""
    return f"{path}?{urlencode(pairs)}" if pairs else path
