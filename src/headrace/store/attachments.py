"""Which attached files are in use."""

from __future__ import annotations

from sqlalchemy import Connection, select

from headrace.store.recorded_values import attachments_from
from headrace.store.tables import UNFINISHED, deployments, executions
from headrace.wire.codec import decode

_OF_DEPLOYMENTS = select(deployments.c.attachments).where(
    deployments.c.attachments.is_not(None), deployments.c.deleted_at.is_(None)
)
_OF_EXECUTIONS = (
    select(executions.c.attachments)
    .where(UNFINISHED, executions.c.attachments.is_not(None))
    .distinct()
)


def attached_in_use(connection: Connection) -> set[str]:
    """Return the digests of the files that deployments, or executions which go on, have."""
    of_deployments = {
        fields["digest"]
        for text in connection.scalars(_OF_DEPLOYMENTS)
        for fields in decode(text or "[]", "attachments")
    }
    return of_deployments | {
        one.digest for text in connection.scalars(_OF_EXECUTIONS) for one in attachments_from(text)
    }
