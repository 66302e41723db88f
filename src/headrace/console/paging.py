"""Lists of things with names: those whose names have a text, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from headrace.console.navigation import address
from headrace.web.exchange import Exchange

PAGE = 100
MAX_PAGES = 10_000


class Named(Protocol):
    """Whatever has a name."""

    @property
    def name(self) -> str:
        """Its name."""
        ...


T = TypeVar("T", bound=Named)


@dataclass(frozen=True, slots=True)
class NamePage(Generic[T]):
    """One page of a list.

    Attributes:
        items: In the order of their names.
        text: What their names have.
        previous: Address of the page before, or None.
        following: Address of the page after, or None.
    """

    items: Sequence[T]
    text: str
    previous: str | None
    following: str | None


def page_by_name(exchange: Exchange, path: str, items: Iterable[T]) -> NamePage[T]:
    """Return the page that a query asks for by ``text`` and ``page``.

    Raises:
        InvalidRequest: ``page`` is no number of one.
    """
    text = exchange.request.query_params.get("text", "").strip().lower()
    number = exchange.integer("page", 1, at_least=1, at_most=MAX_PAGES)
    found = sorted((item for item in items if text in item.name.lower()), key=lambda one: one.name)
    has_more = len(found) > PAGE * number
    return NamePage(
        found[PAGE * (number - 1) : PAGE * number],
        text,
        address(path, text=text, page=number - 1) if number > 1 else None,
        address(path, text=text, page=number + 1) if has_more else None,
    )
