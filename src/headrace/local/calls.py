"""What becomes of the calls that a local server answers, as lines for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from headrace import HeadraceSdk
from headrace.core.clock import now
from headrace.core.errors import NotFound
from headrace.core.values import DataType

MOST_AT_ONCE = 20
"""How many of the calls that came since the last look are shown one by one."""

PAGE = 1000
LATE = timedelta(seconds=5)
"""How much later than a call that was accepted after it a call may be recorded."""

FAILED = "Failed"
VALUE_CHARACTERS = 40
INPUTS_CHARACTERS = 100

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Printed:
    """A line that user code printed, or the end of its traceback."""

    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that ended.

    Attributes:
        status: How.
        at: When.
        duration_s: How long it took, in seconds.
        inputs: Its inputs, short.
        failure: Why it failed, unless that is the last line that it printed.
    """

    status: str
    at: datetime
    duration_s: float
    inputs: str
    failure: str | None


@dataclass(slots=True)
class _Read:
    """What was read of the log of a call so far: up to where, and its last line."""

    cursor: int = 0
    last_line: str = ""


@dataclass(frozen=True, slots=True)
class Unseen:
    """At least so many more calls ended than are shown, of which so many failed."""

    count: int
    failed: int


News = Printed | Ended | Unseen


@dataclass
class Calls:
    """Follows the calls of a server from now on.

    Args:
        sdk: The connection to it.
    """

    sdk: HeadraceSdk
    _since: datetime = field(default_factory=now)
    _seen: dict[str, datetime] = field(default_factory=dict)
    _unfinished: dict[str, _Read] = field(default_factory=dict)

    def news(self) -> Iterator[News]:
        """Yield what calls printed and how they ended since the last time."""
        came = [item for item in self._page() if item["execution_id"] not in self._seen]
        self._seen |= {item["execution_id"]: _created(item) for item in came}
        self._since = max([self._since, *(at - LATE for at in self._seen.values())])
        self._seen = {one: at for one, at in self._seen.items() if at >= self._since}
        for item in reversed(came[:MOST_AT_ONCE]):
            self._unfinished[item["execution_id"]] = _Read()
        for execution_id in list(self._unfinished):
            yield from self._of_one(execution_id)
        left_out = came[MOST_AT_ONCE:]
        if left_out:
            yield Unseen(len(left_out), sum(item["status"] == FAILED for item in left_out))

    def _of_one(self, execution_id: str) -> Iterator[News]:
        read = self._unfinished[execution_id]
        try:
            page = self.sdk.read_execution_log(execution_id, read.cursor)
            read.cursor = page["cursor"]
            for line in page["lines"]:
                read.last_line = line["message"]
                yield Printed(read.last_line)
            if page["is_complete"]:
                del self._unfinished[execution_id]
                found = self.sdk.get_pipeline_execution(execution_id, include_files=False)
                yield _ended(found, read.last_line)
        except NotFound:
            # Retention was faster.
            self._unfinished.pop(execution_id, None)

    def _page(self) -> Sequence[Object]:
        items: Sequence[Object] = self.sdk.list_executions(PAGE, since=self._since)["items"]
        return items


def short_inputs(inputs: Iterable[Object]) -> str:
    """Return inputs in one short line; a file is only named."""
    said = ", ".join(_short(item) for item in inputs)
    return said if len(said) <= INPUTS_CHARACTERS else f"{said[:INPUTS_CHARACTERS]}…"


def _short(item: Object) -> str:
    name = item["pipeline_input_name"]
    if item["data_type"] == DataType.FILE:
        return f"{name}=file"
    value = json.dumps(item["value"], ensure_ascii=False)
    return f"{name}={value if len(value) <= VALUE_CHARACTERS else value[:VALUE_CHARACTERS] + '…'}"


def _ended(found: Object, last_line: str) -> Ended:
    end = datetime.fromisoformat(found["end_date"])
    begin = datetime.fromisoformat(found["start_date"] or found["end_date"])
    failure = (found["failure"] or {}).get("message")
    return Ended(
        status=found["status"],
        at=end,
        duration_s=(end - begin).total_seconds(),
        inputs=short_inputs(found["inputs"]),
        failure=failure if failure and failure not in last_line else None,
    )


def _created(item: Object) -> datetime:
    return datetime.fromisoformat(item["created_at"])
