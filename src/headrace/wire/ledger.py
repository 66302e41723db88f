"""The ledger of fire times as it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from headrace.core.executions import Status
from headrace.core.ledger import LedgerRow, Verification
from headrace.wire.bodies import Body, timestamp

INSTANT = timedelta(microseconds=1)
"""From an instant to the next: times are whole microseconds."""


def ledger_item(row: LedgerRow, statuses: Mapping[str | None, Status] | None) -> Body:
    """Return a row of the ledger, with the status of its execution if there are statuses."""
    item = {
        "fire_at": timestamp(row.fire_at),
        "fate": row.fate.value,
        "execution_id": row.execution_id,
        "detail": row.detail or None,
        "recorded_at": timestamp(row.recorded_at),
        "recorded_by": row.recorded_by,
    }
    if statuses is not None:
        item["execution_status"] = statuses.get(row.execution_id)
    return item


def verification_body(deployment_id: str, name: str, found: Verification) -> Body:
    """Return the proof by the ledger of one deployment."""
    return {
        "deployment_name": name,
        "deployment_id": deployment_id,
        "is_proven": found.is_proven,
        # A verification is about the times after one instant up to another; callers give and see
        # the first instant that counts, and the first that does not, as everywhere else.
        "since": timestamp(found.since + INSTANT),
        "until": timestamp(found.until + INSTANT),
        "expected": found.expected,
        "rows": found.rows,
        "fates": {fate.value: count for fate, count in sorted(found.fates.items())},
        "missing_count": found.missing_count,
        "doubled_count": found.doubled_count,
        "unexpected_count": found.unexpected_count,
        "missing": [timestamp(at) for at in found.missing],
        "doubled": [timestamp(at) for at in found.doubled],
        "unexpected": [timestamp(at) for at in found.unexpected],
    }
