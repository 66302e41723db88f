"""What a front has in place of the main process's own: its book, its calls and its endpoints."""

from __future__ import annotations

import asyncio

from headrace.control.endpoint_cache import Endpoint, EndpointCache
from headrace.control.variables import Variables
from headrace.control.warm import OnAnswer
from headrace.core.deployments import Deployment
from headrace.server.fronts.page import Page
from headrace.serving.calls import Calls
from headrace.serving.form import Form
from headrace.store.book.database import DatabaseBook
from headrace.store.book.journal import JournalBook
from headrace.store.book.journal_file import Journal
from headrace.store.book.ladder import Ladder
from headrace.store.book.port import OnDone
from headrace.store.database import Database
from headrace.store.execution_row import Row


class MarkedBook:
    """A book that says on the page, before a row is anywhere, that there may be one."""

    def __init__(self, journal: Journal | None, database: Database, page: Page) -> None:
        behind = DatabaseBook(database)
        self._journal = journal
        self._book = Ladder(
            [behind] if journal is None else [JournalBook(journal, database), behind]
        )
        self._page = page

    @property
    def is_empty(self) -> bool:
        """Whether all rows in the journal are in the database."""
        return self._journal is None or self._journal.is_empty

    def append(self, row: Row, on_done: OnDone, *, is_alone: bool = False) -> None:
        """Put a row on disk; see the port."""
        self._page.has_rows = True
        self._book.append(row, on_done, is_alone=is_alone)

    def move_all(self) -> asyncio.Future[None] | None:
        """Move all rows to the database; see the port."""
        return self._book.move_all()

    async def close(self) -> None:
        """Close the book; see the port."""
        await self._book.close()

    def describe(self) -> str:
        """Say where rows are; see the port."""
        return self._book.describe()


class FrontCalls(Calls):
    """Calls of pods that have the very version which the deployment asks for, and no others."""

    page: Page

    @property
    def under_way(self) -> int:
        """How many calls are under way, or wait to be on record."""
        return len(self._calls)

    def begin(
        self, deployment: Deployment, body: bytes, hold_s: float, on_answer: OnAnswer
    ) -> bool:
        """Begin a call; see the protocol."""
        is_begun = super().begin(deployment, body, hold_s, on_answer)
        if is_begun:
            self.page.answered += 1
            self.page.calls = self.under_way
        return is_begun

    def _form(self, deployment: Deployment) -> Form | None:
        form = None if self.page.is_held else super()._form(deployment)
        return form if form is not None and form.deployment is deployment else None


class FrontEndpoints(EndpointCache):
    """The endpoints that this front has asked for, until one of any process changes."""

    def __init__(self, page: Page, variables: Variables) -> None:
        super().__init__()
        self._page = page
        self._variables = variables
        self.seen = page.changes
        self.absent: set[str] = set()

    def find(self, path: str) -> Endpoint | None:
        """Return the endpoint at a URL path, if it is known and has not changed."""
        if self._page.changes != self.seen:
            self.seen = self._page.changes
            self.absent.clear()
            self._variables.forget()
            self.forget()
        return super().find(path)
