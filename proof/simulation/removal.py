"""How executions are cancelled, and what was deleted is removed."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from headrace.core.outcomes import CANCELLED
from headrace.store import attempts, deletion, executions
from headrace.store.deletion import Deleted, Kind

if TYPE_CHECKING:
    from proof.simulation.servers import Server


def stop(server: Server, execution_id: str) -> None:
    """Cancel as :class:`headrace.control.executions.Executions` does."""
    if server.write(executions.end_pending, execution_id, CANCELLED, server.now):
        server.later(server.soon(), server.slots.take)
    elif not server.slots.stop(execution_id, CANCELLED):
        server.write(attempts.request_cancel, [execution_id], server.now)


def take_up(server: Server) -> None:
    """Go on with what a server that died was about to remove."""
    for deleted in server.world.read(deletion.all_deleted):
        server.later(server.soon(), partial(stop_and_remove, server, deleted.id))


def stop_and_remove(server: Server, deployment_id: str) -> None:
    """Cancel what a deleted deployment has, wait for that, then remove what is left of it."""
    unfinished = server.world.read(executions.unfinished_ids, deployment_id=deployment_id)
    for execution_id in unfinished:
        stop(server, execution_id)
    if unfinished:
        server.later(timedelta(seconds=1), partial(stop_and_remove, server, deployment_id))
    else:
        server.write(_remove, deployment_id)


def _remove(connection: Connection, deployment_id: str) -> None:
    while deletion.part_with_some(connection, deployment_id, limit=3):
        pass
    if not deletion.bury(connection, Deleted(Kind.DEPLOYMENT, deployment_id)):
        raise AssertionError("an execution of a deleted deployment has not ended")
