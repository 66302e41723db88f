"""Executions that wait for pods are run by pods with their code, or in slots."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection
from tests.store.conftest import AT, PIPELINE
from tests.store.test_pipeline_versions import endpoint_of

from headrace.core.attachments import attachment
from headrace.core.claims import Imported
from headrace.core.executions import Execution
from headrace.store import claims, deployments, workers
from headrace.store.attachments import attached_in_use
from headrace.store.executions import add_execution, execution_by_id

OLD, NEW = ((attachment("model", letter * 64, 1),) for letter in "ab")


def test_those_with_other_attachments_go_to_slots(
    connection: Connection, new_execution: Callable[..., Execution]
) -> None:
    deployment = endpoint_of(PIPELINE, "d", attachments=NEW)
    deployments.add_deployment(connection, deployment, b"sealed")
    workers.add_worker(connection, "w", AT)
    for execution_id, attached in (("1", OLD), ("2", NEW), ("3", ()), ("4", NEW)):
        execution = new_execution(
            execution_id, deployment_id="d", is_low_latency=True, attachments=attached
        )
        add_execution(connection, execution, None)
        assert execution_by_id(connection, execution_id) == execution
    pods = Imported("d", 1, NEW)
    assert claims.pod_backlog(connection, AT) == {
        Imported("d", 1, OLD): 1,
        pods: 2,
        Imported("d", 1): 1,
    }
    assert attached_in_use(connection) == {OLD[0].digest, NEW[0].digest}
    claims.give_to_slots(connection, pods, AT)
    assert claims.pod_backlog(connection, AT) == {pods: 2}
    assert [one.id for one in claims.claim_pending(connection, "w", limit=9, at=AT)] == ["1", "3"]
    claimed = claims.claim_for_pods(connection, "w", pods, limit=9, at=AT)
    assert [(one.id, one.attachments) for one in claimed] == [("2", NEW), ("4", NEW)]
