"""Lists of things with names: those whose names have a text, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from headrace.console.navigation import address
from headrace.core.scopes import Scope
from headrace.web.exchange import Exchange

PAGE = 50
MAX_TEXT = 200
MAX_PAGES = 10_000


class Named(Protocol):
    """A thing with a name."""

    @property
    def name(self) -> str:
        """Its name."""
        ...


T = TypeVar("T", bound=Named)
T_co = TypeVar("T_co", bound=Named, covariant=True)


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


class ReadPage(Protocol[T_co]):
    """Reads a page of a list from the store."""

    async def __call__(self, scope: Scope, text: str, *, limit: int, skip: int) -> Sequence[T_co]:
        """Return those whose names have a text, in the order of their names."""
        ...


async def page_of_names(exchange: Exchange, path: str, read: ReadPage[T]) -> NamePage[T]:
    """Return the page that a query asks for by ``text`` and ``page``; no other is read.

    Raises:
        InvalidRequest: ``page`` is no number of one.
    """
    text = exchange.request.query_params.get("text", "").strip()[:MAX_TEXT]
    number = exchange.integer("page", 1, at_least=1, at_most=MAX_PAGES)
    found = await read(exchange.scope, text, limit=PAGE + 1, skip=PAGE * (number - 1))
    has_more = len(found) > PAGE
    return NamePage(
        found[:PAGE],
        text,
        address(path, text=text, page=number - 1) if number > 1 else None,
        address(path, text=text, page=number + 1) if has_more else None,
    )
