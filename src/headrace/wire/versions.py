"""Versions of pipelines on the wire: how they are shown, and requests about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from headrace.core.compatibility import Break
from headrace.core.parameters import Input, Output
from headrace.core.pipelines import Pipeline
from headrace.wire.bodies import Body, pipeline_body, timestamp
from headrace.wire.fields import flag_of, read_version, refuse_unknown
from headrace.wire.parameters import read_parameters


def version_item(pipeline: Pipeline, current: int | None) -> Body:
    """Return a version as an element of a list.

    Args:
        pipeline: The pipeline with that version.
        current: Number of its current version.
    """
    version = pipeline.version
    return {
        "version": version.number,
        "status": version.status.value,
        "is_current": version.number == current,
        "created_at": timestamp(version.created_at),
        "created_by": version.created_by,
        "message": version.message,
        "digest": version.digest,
        "bundle": version.bundle,
        "commit_id": version.commit_id,
        "language": version.config.language,
        "requirements_digest": version.environment,
        "calling": version.calling.value,
        "discarded_at": timestamp(version.discarded_at),
        # Of one that is ready: why it did not become current.
        "failure": version.failure or version.held_back,
    }


def version_body(
    pipeline: Pipeline, current: int | None, files: Iterable[tuple[str, int, str]]
) -> Body:
    """Return a version with what it declares and the files of its folder.

    Args:
        pipeline: The pipeline with that version.
        current: Number of its current version.
        files: Path, size in bytes and SHA-256 of each file of its folder.
    """
    return version_item(pipeline, current) | {
        "parameters": pipeline_body(pipeline)["parameters"],
        "files": [{"path": path, "size": size, "digest": digest} for path, size, digest in files],
    }


def breaks_body(breaks: Iterable[Break]) -> Body:
    """Return what a version would break, each with its example."""
    return {"breaks": [found.facts() for found in breaks]}


def read_rollback(body: Mapping[str, Any]) -> tuple[int | None, bool]:
    """Return the number of the version to go back to, or None, and whether that is forced.

    Raises:
        InvalidRequest: A key is unknown or of the wrong type.
    """
    refuse_unknown(body, ("version", "force"), "The request")
    return read_version(body.get("version")), flag_of(body, "force")


def read_signature(body: Mapping[str, Any]) -> tuple[tuple[Input, ...], tuple[Output, ...]]:
    """Return the inputs and outputs of a version to come.

    Raises:
        InvalidRequest: A key is unknown or of the wrong type.
    """
    refuse_unknown(body, ("inputs", "outputs"), "The request")
    return read_parameters(body)
