"""Transactions of a pipeline."""

from __future__ import annotations

from sqlalchemy import Connection

from headrace.core.errors import AlreadyExists
from headrace.core.pipelines import Pipeline, PipelineStatus
from headrace.core.steps import is_hidden, shown_name
from headrace.store import pipelines as rows


def add(connection: Connection, pipeline: Pipeline) -> str | None:
    """Insert a pipeline; return the id of the failed one that it replaced, if any.

    Raises:
        AlreadyExists: Its name is taken.
    """
    present = rows.pipeline_by_name(connection, pipeline.name)
    if present is not None:
        if present.status is not PipelineStatus.FAILED:
            raise taken(pipeline.name)
        rows.remove_pipeline(connection, present.id)
    rows.add_pipeline(connection, pipeline)
    return None if present is None else present.id


def taken(name: str) -> AlreadyExists:
    """Return the error for a name that a pipeline has, or a step."""
    if is_hidden(name):
        return AlreadyExists(
            f"There is a step named {shown_name(name)!r} already: choose another name, or delete "
            "it first."
        )
    return AlreadyExists(
        f"There is a pipeline named {name!r} already: choose another name, delete it first, or "
        "make a version of it (replace)."
    )
