"""The choice of executions in a page's address, and addresses of pages with the same choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from headrace.console.navigation import address_of
from headrace.core.executions import Status
from headrace.web.execution_filters import NAMES, read_status


@dataclass(frozen=True, slots=True)
class Chosen:
    """The conditions on executions in a page's address.

    Attributes:
        texts: Each condition that stands in the address, by its name; the others are empty.
        statuses: The statuses; all if there are none.
    """

    texts: Mapping[str, str]
    statuses: Sequence[Status]

    @property
    def is_all(self) -> bool:
        """Whether no condition is given."""
        return not self.statuses and not any(self.texts.values())

    @property
    def query(self) -> QueryParams:
        """The conditions as a query of the API has them."""
        return QueryParams(self._pairs(self.statuses))

    def address(self, path: str, **more: str | None) -> str:
        """Return the address of a page about the same executions."""
        return address_of(path, [*self._pairs(self.statuses), *_given(more)])

    def of_status(self, path: str, status: Status | None) -> str:
        """Return the address of a page about those of one status, or of all."""
        return address_of(path, self._pairs([] if status is None else [status]))

    def since(self, path: str, at: str) -> str:
        """Return the address of a page about those from a time on."""
        pairs = [pair for pair in self._pairs(self.statuses) if pair[0] not in {"since", "until"}]
        return address_of(path, [*pairs, ("since", at)])

    def _pairs(self, statuses: Sequence[Status]) -> list[tuple[str, str]]:
        return [*_given(self.texts), *(("status", status.value) for status in statuses)]


def chosen_by(query: QueryParams) -> Chosen:
    """Return the conditions of a query; an empty field is no condition.

    Raises:
        InvalidRequest: There is no such status.
    """
    return Chosen(
        {name: query.get(name, "").strip() for name in NAMES},
        [read_status(text) for text in query.getlist("status") if text],
    )


def _given(texts: Mapping[str, str | None]) -> list[tuple[str, str]]:
    return [(name, text) for name, text in texts.items() if text]
