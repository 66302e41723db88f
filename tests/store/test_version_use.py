"""What became of a pipeline's executions, version by version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection
from tests.records import careless
from tests.store.conftest import AT, PIPELINE

from headrace.core.executions import Execution, Status
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.version_use import Ended, VersionUse, uses_of
from headrace.store.executions import add_execution
from headrace.store.version_use import version_uses

BROKEN = Failure(FailureKind.USER_ERROR, "ValueError: broken")
CANCELLED = Failure(FailureKind.CANCELLED, "It was cancelled.")


def test_durations_are_those_of_what_succeeded() -> None:
    ended = [Ended(1, False, float(second)) for second in range(100, 0, -1)]
    found = uses_of([*ended, Ended(1, True, 1000.0), Ended(2, True, None), Ended(3, False, None)])
    assert found == {
        1: VersionUse(101, 1, 50.0, 95.0),
        2: VersionUse(1, 1, None, None),
        3: VersionUse(1, 0, None, None),
    }
    assert found[2].share_failed == 1.0
    assert uses_of([Ended(1, False, 3.0)])[1] == VersionUse(1, 0, 3.0, 3.0)


@pytest.fixture
def some(connection: Connection, new_execution: Callable[..., Execution]) -> None:
    """Executions of three versions, one second after the other: the oldest ones first."""
    careless(connection)
    whole = [
        (1, Status.SUCCEEDED, None),
        (1, Status.FAILED, BROKEN),
        (2, Status.SUCCEEDED, None),
        (2, Status.FAILED, CANCELLED),
        (3, Status.PENDING, None),
    ]
    for second, (version, status, failure) in enumerate(whole):
        at = AT + timedelta(seconds=second)
        over = None if status is Status.PENDING else at + timedelta(seconds=version)
        made = new_execution(
            f"e-{second}",
            created_at=at,
            started_at=over and at,
            ended_at=over,
            status=status,
            failure=failure,
        )
        made = replace(made, pipeline_version=version)
        add_execution(connection, made, "w")


@pytest.mark.usefixtures("some")
def test_the_newest_executions_are_counted_by_version(connection: Connection) -> None:
    found = version_uses(connection, PIPELINE.id)
    assert found.by_number == {1: VersionUse(2, 1, 1.0, 1.0), 2: VersionUse(1, 0, 2.0, 2.0)}
    assert (found.looked_at, found.since, found.is_all) == (5, AT, True)
    fewer = version_uses(connection, PIPELINE.id, looked_at=3)
    assert fewer.by_number == {2: VersionUse(1, 0, 2.0, 2.0)}
    assert (fewer.looked_at, fewer.since) == (3, AT + timedelta(seconds=2))
    assert not fewer.is_all
    none = version_uses(connection, "another")
    assert (none.looked_at, none.since, none.is_all, none.by_number) == (0, None, True, {})
