"""Pipelines that are made from a Dockerfile: what they cannot have, and where values are in them.

An image has a command of its own and no function, so values go in and come out as files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence

from headrace.core.deployments import Deployment
from headrace.core.errors import InvalidRequest
from headrace.core.pipelines import PipelineVersion

FOLDER = "/headrace"
"""Folder of the container in which values are."""

INPUTS_FILE = f"{FOLDER}/inputs.json"
INPUT_FILES = f"{FOLDER}/inputs"
OUTPUTS_FILE = f"{FOLDER}/outputs.json"

PLACES = {"HEADRACE_INPUTS": INPUTS_FILE, "HEADRACE_OUTPUTS": OUTPUTS_FILE}
"""The variables that tell a program in a container where its values are."""

DOCKERFILE = "container_config[dockerfile_path]"


def refuse_beside(given: Mapping[str, object]) -> None:
    """Refuse what an image says itself (wire contract, 6.2).

    Args:
        given: What the request says of the function and its Python, by key.

    Raises:
        InvalidRequest: Something of it is more than null; the message names all.
    """
    present = [key for key, value in given.items() if value]
    if present:
        raise InvalidRequest(
            f"{', '.join(present)} must be null beside {DOCKERFILE}: the Dockerfile says what is "
            "installed and, by CMD or ENTRYPOINT, what runs. Leave it out, or leave "
            "dockerfile_path out."
        )


def refuse_deployment(
    version: PipelineVersion, name: str, *, is_low_latency: bool, attachments: Collection[object]
) -> None:
    """Refuse a deployment that a version made from a Dockerfile cannot have.

    Raises:
        InvalidRequest: It is low-latency, or files are attached to it.
    """
    if version.config.dockerfile_path is None:
        return
    if is_low_latency:
        raise InvalidRequest(
            f"mode 'low_latency' of deployment {name!r} is not for pipelines made from a "
            "Dockerfile, each execution of which has a container of its own: use mode 'elastic'."
        )
    if attachments:
        raise InvalidRequest(
            f"Files cannot be attached to deployment {name!r}: its pipeline is made from a "
            "Dockerfile, whose image holds the folder. Copy them into the image, or map an input "
            "of type file to the data store."
        )


def refuse_version(version: PipelineVersion, following: Sequence[Deployment]) -> None:
    """Refuse a version made from a Dockerfile that a deployment which follows cannot have.

    Raises:
        InvalidRequest: There is one.
    """
    for one in following:
        refuse_deployment(
            version,
            one.name,
            is_low_latency=one.low_latency is not None,
            attachments=one.attachments,
        )


def image_digest(bundle: str, dockerfile_path: str) -> str:
    """Return the digest by which the image of a Dockerfile in a folder is known."""
    parts = ["image", bundle, dockerfile_path]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
