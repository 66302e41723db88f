"""The journal of a story, change by change: was each one allowed when it was made?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from typing import Any

from proof.simulation.database import Entry, entries
from proof.simulation.expressions import Terms
from proof.simulation.rules import Occupancy, Violation, expected_fates
from proof.simulation.world import EPOCH
from sqlalchemy import Connection

MICROSECOND = timedelta(microseconds=1)
ENDS = {"Succeeded", "Failed", "Error"}
WAITS = {"started": 0, "held": 1, "cancelling": 1}


def replay(connection: Connection) -> None:
    """Go through all transactions in the order of their commits.

    Raises:
        Violation: A change was not allowed.
    """
    state = _State()
    for number, changes in groupby(entries(connection), key=lambda entry: entry.transaction):
        try:
            state.take(list(changes))
        except Violation as found:
            raise Violation(f"transaction {number}: {found}") from None


@dataclass
class _Execution:
    """An execution as it is now, and under what policy it was recorded."""

    row: dict[str, Any]
    overlap: str

    @property
    def is_over(self) -> bool:
        return self.row["status"] in ENDS


@dataclass
class _State:
    """All rows as they are after the transactions so far."""

    deployments: dict[str, dict[str, Any]] = field(default_factory=dict)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    executions: dict[str, _Execution] = field(default_factory=dict)
    unfinished: dict[str, dict[str, _Execution]] = field(default_factory=lambda: defaultdict(dict))
    workers: set[str] = field(default_factory=set)

    def take(self, changes: list[Entry]) -> None:
        fired = defaultdict(list)
        for entry in changes:
            if entry.table == "ledger":
                _require(entry.verb == "INSERT", f"a row of the ledger was changed: {entry.row}")
                fired[entry.key].append(entry.row)
        for deployment, rows in fired.items():
            self._judge(deployment, rows, changes)
        for entry in changes:
            self._apply(entry, changes)
        for entry in changes:
            if entry.table == "executions" and entry.row["status"] == "Running":
                worker = entry.row["worker_id"]
                _require(worker in self.workers, f"{worker} has no lease, but runs {entry.key}")

    def _judge(self, deployment: str, rows: list[dict[str, Any]], changes: list[Entry]) -> None:
        """Compare the fates of what one transaction recorded with what the rules say."""
        schedule = self.schedules[deployment]
        offset = (schedule["due_at"] - schedule["next_fire_at"]) * MICROSECOND
        now = _at(rows[0]["recorded_at"])
        due = sorted(_at(row["fire_at"]) for row in rows)
        is_settled = any(e.table == "deployments" and e.key == deployment for e in changes)
        early = due[-1] if is_settled else due[-1] + offset
        _require(early <= now, f"{deployment} fired {due[-1]} at {now}, jitter {offset}")
        following = _following(deployment, changes, due[-1])
        more = [following] if following is not None and following + offset <= now else []
        waiting = self.unfinished[deployment].values()
        occupancy = Occupancy(
            sum(execution.row["status"] == "Running" for execution in waiting),
            sum(execution.row["status"] == "Pending" for execution in waiting),
        )
        wanted = expected_fates(
            _terms(schedule),
            [*due, *more],
            now,
            offset,
            occupancy,
            is_enabled=bool(self.deployments[deployment]["is_enabled"]),
        )[: len(due)]
        recorded = {e.key: e.row for e in changes if e.table == "executions" and e.verb == "INSERT"}
        for row, (at, fate, how) in zip(sorted(rows, key=_fire_at), wanted, strict=True):
            execution = recorded.get(row["execution_id"])
            _require(row["fate"] == fate, f"{deployment} at {at}: {row} is not {fate}")
            _require((execution is None) == (not how), f"{row} and {execution}")
            if execution is not None:
                is_held = bool(execution["waits"])
                _require(is_held == bool(WAITS[how]), f"{deployment} at {at}: {execution}, {how}")
        if any(how == "cancelling" for _, _, how in wanted):
            self._judge_cancelled(deployment, recorded, changes)

    def _judge_cancelled(
        self, deployment: str, recorded: dict[str, Any], changes: list[Entry]
    ) -> None:
        """All that had not ended have, or were asked to, but for the last one recorded."""
        after = {e.key: e.row for e in changes if e.table == "executions"}
        own = [key for key, row in recorded.items() if row["deployment_id"] == deployment]
        newest = max(own, key=lambda key: recorded[key]["fire_at"])
        for key in {*self.unfinished[deployment], *own} - {newest}:
            row = after.get(key, {})
            is_told = row.get("status") in ENDS or row.get("cancel_requested_at") is not None
            _require(is_told, f"{key} was not cancelled for {newest}: {row}")

    def _apply(self, entry: Entry, changes: list[Entry]) -> None:
        if entry.table == "executions":
            self._apply_execution(entry, changes)
        elif entry.table == "workers":
            (self.workers.discard if entry.verb == "DELETE" else self.workers.add)(entry.key)
        elif entry.table in {"deployments", "schedules"}:
            rows = self.deployments if entry.table == "deployments" else self.schedules
            if entry.verb == "DELETE":
                rows.pop(entry.key, None)
            else:
                rows[entry.key] = entry.row

    def _apply_execution(self, entry: Entry, changes: list[Entry]) -> None:
        row = entry.row
        if entry.verb == "INSERT":
            is_new = (row["status"], row["attempt"], row["worker_id"]) == ("Pending", 1, None)
            _require(is_new, f"recorded as {row}")
            execution = _Execution(row, self.schedules[row["deployment_id"]]["overlap"])
            self.executions[entry.key] = execution
            self.unfinished[row["deployment_id"]][entry.key] = execution
            return
        _require(entry.verb == "UPDATE", f"{entry.key} was deleted")
        execution = self.executions[entry.key]
        before, execution.row = execution.row, row
        _judge_change(before, row, changes)
        if before["status"] == "Pending" and row["status"] == "Running":
            self._judge_start(execution)
        if execution.is_over and before["deployment_id"] is not None:
            self.unfinished[before["deployment_id"]].pop(entry.key, None)

    def _judge_start(self, execution: _Execution) -> None:
        """What was recorded under a policy on overlap begins when those before it have ended."""
        row = execution.row
        if execution.overlap == "parallel":
            return
        for key, other in self.unfinished[row["deployment_id"]].items():
            if key == row["id"]:
                break
            raise Violation(f"{row['id']} started, but {key} before it is {other.row['status']}")


def _judge_change(before: dict[str, Any], after: dict[str, Any], changes: list[Entry]) -> None:
    """A change of one execution."""
    told = f"{before} became {after}"
    step = before["status"], after["status"]
    if before["status"] in ENDS:
        is_orphan = after == {**before, "deployment_id": None}
        _require(is_orphan and before["deployment_id"] is not None, f"an end was changed: {told}")
        return
    attempts = after["attempt"] - before["attempt"]
    if step == ("Pending", "Running"):
        in_time = before["not_before"] is None or before["not_before"] <= after["started_at"]
        _require(attempts == 0 and in_time and after["worker_id"] is not None, told)
    elif step == ("Running", "Pending"):
        kept = [e.row["attempt"] for e in changes if e.table == "attempts" and e.key == after["id"]]
        _require(kept == ([before["attempt"]] if attempts else []), f"attempts {kept}: {told}")
        _require(attempts in {0, 1} and after["worker_id"] is None, told)
        _require(before["cancel_requested_at"] is None, f"attempted though cancelled: {told}")
    elif step == ("Running", "Running"):
        same = {**before, "cancel_requested_at": after["cancel_requested_at"]}
        _require(after == same, told)
    else:
        _require(after["status"] in ENDS and attempts == 0, told)
        _require(step != ("Pending", "Succeeded"), told)
        _require(after["worker_id"] == before["worker_id"], told)


def _following(deployment: str, changes: Iterable[Entry], last: Any) -> Any:
    """Return the fire time after those that a transaction recorded, if it says so."""
    for entry in changes:
        if entry.table == "schedules" and entry.key == deployment and entry.verb == "UPDATE":
            following = _at(entry.row["next_fire_at"])
            return following if following > last else None
    return None


def _terms(schedule: dict[str, Any]) -> Terms:
    names = ("expression", "timezone", "missed", "missed_window_s", "overlap", "jitter_s")
    return Terms(**{name: schedule[name] for name in names})


def _fire_at(row: dict[str, Any]) -> int:
    fire_at: int = row["fire_at"]
    return fire_at


def _at(stamp: int) -> Any:
    return EPOCH + stamp * MICROSECOND


def _require(is_so: object, told: str) -> None:
    if not is_so:
        raise Violation(told)
