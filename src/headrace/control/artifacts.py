"""Paths of the files of executions in the artefact store."""

from __future__ import annotations

ROOT = "executions"
"""The folder of all files of executions."""


def artifact_folder(execution_id: str) -> str:
    """Return the folder of an execution's files."""
    # The last digits of an id are random, so that executions spread evenly over the folders.
    return f"{ROOT}/{execution_id[-2:]}/{execution_id}"


def execution_of(path: str) -> str:
    """Return the id of the execution that a file below :data:`ROOT` belongs to."""
    return path.split("/")[2]


def input_path(execution_id: str, name: str) -> str:
    """Return the path of the file of an input."""
    return f"{artifact_folder(execution_id)}/inputs/{name}"


def output_path(execution_id: str, attempt: int, name: str) -> str:
    """Return the path of the file of an output.

    Each attempt has a folder of its own: a late one cannot replace a file of the one after it.
    """
    folder = "outputs" if attempt == 1 else f"outputs.{attempt}"
    return f"{artifact_folder(execution_id)}/{folder}/{name}"
