"""Deployments: a pipeline, connected to where its inputs come from and its outputs go."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from headrace.core.attachments import Attachment
from headrace.core.destinations import DataStorePath, EndpointResult, OutputDestination
from headrace.core.errors import InvalidMapping, InvalidRequest
from headrace.core.fitting import fit_inputs, fit_outputs
from headrace.core.low_latency import LowLatency
from headrace.core.mappings import MappedInput, MappedOutput
from headrace.core.names import check_name
from headrace.core.pipelines import Pipeline
from headrace.core.pods import PodSetState
from headrace.core.retries import Retries
from headrace.core.schedules import Schedule
from headrace.core.sources import Constant, DataStoreFile, EndpointValue, InputSource, Rule
from headrace.core.values import DataType, Json

RESERVED_URL_PATHS = frozenset({"v1"})
"""Segments that the routes of endpoints use themselves."""

_TOKEN = re.compile(r"[A-Za-z0-9._~-]{4,256}")

Connection = TypeVar("Connection", InputSource, OutputDestination)


class Mode(StrEnum):
    """How the executions of a deployment get their process."""

    ELASTIC = "elastic"
    LOW_LATENCY = "low_latency"


class DeploymentStatus(StrEnum):
    """Whether a deployment takes executions, spelled as on the wire (wire contract, 5.5)."""

    CREATION_PENDING = "creation_pending"
    CREATION_FAILED = "creation_failed"
    UP = "up"
    DOWN_RETRYING = "down_retrying"
    STANDBY = "standby"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment.

    Attributes:
        id: Its id; a deployment that is deleted and created again has another.
        name: Its name, unique among the deployments.
        pipeline: The pipeline that it runs.
        rule: Why its executions start: endpoint or periodic.
        mode: How they get their process.
        description: Free text, or None.
        sources: Where inputs come from, by input name, as the user mapped them; those that its
            version does not have included.
        destinations: Where outputs go, in the same way.
        is_enabled: Whether it takes executions.
        created_at: When, UTC.
        created_by: Id of the user who created it.
        updated_at: When it was last changed, UTC.
        updated_by: Id of the user who did.
        url_path: Last segment of the endpoint's URL; None if it is no endpoint.
        timeout_s: Longest time of one execution, in seconds; None for the server's limit.
        retries: How often a failed execution is attempted again.
        low_latency: How its pods are kept; None if it is elastic.
        schedule: When it fires; None if it is not periodic.
        next_fire_at: Its first fire time to come, UTC; None if it is not periodic.
        pinned_version: Number of the version that it runs whichever is current; None follows the
            current one.
        probe: Input values of a call that a new pod has to pass; None for no such call.
        attachments: Files that are in the folder before the code is imported.
        inputs: Each input of its version with its source.
        outputs: Each output of its version with its destination.
    """

    id: str
    name: str
    pipeline: Pipeline
    rule: Rule
    mode: Mode
    description: str | None
    sources: tuple[tuple[str, InputSource], ...]
    destinations: tuple[tuple[str, OutputDestination], ...]
    is_enabled: bool
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    url_path: str | None = None
    timeout_s: float | None = None
    retries: Retries = Retries()
    low_latency: LowLatency | None = None
    schedule: Schedule | None = None
    next_fire_at: datetime | None = None
    pinned_version: int | None = None
    probe: Mapping[str, Json] | None = None
    attachments: tuple[Attachment, ...] = ()
    inputs: tuple[MappedInput, ...] = field(init=False, repr=False, compare=False)
    outputs: tuple[MappedOutput, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        inputs = fit_inputs(self.rule, self.pipeline.inputs, self.sources)
        outputs = fit_outputs(self.rule, self.pipeline.outputs, self.destinations)
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "outputs", outputs)

    def status(self, pods: PodSetState | None) -> DeploymentStatus:
        """Return whether it takes executions now, given what is to be seen of its pods."""
        if not self.is_enabled:
            return DeploymentStatus.DISABLED
        return DeploymentStatus.UP if pods is None else DeploymentStatus(pods.status.value)


def check_endpoint_files(inputs: Sequence[MappedInput], outputs: Sequence[MappedOutput]) -> None:
    """Refuse an endpoint with more than one file each way (the specification's table).

    Raises:
        InvalidMapping: With the inputs or outputs in question, and what to do.
    """
    sent = [
        item.parameter.name
        for item in inputs
        if item.parameter.data_type is DataType.FILE and isinstance(item.source, EndpointValue)
    ]
    answered = [
        item.parameter.name
        for item in outputs
        if item.parameter.data_type is DataType.FILE
        and isinstance(item.destination, EndpointResult)
    ]
    for noun, names in (("input", sent), ("output", answered)):
        if len(names) > 1:
            raise InvalidMapping(
                f"An endpoint takes one file per call and answers with one, but the {noun}s "
                f"{', '.join(names)} are files of the endpoint: map all but one of them to "
                "datastore_path or is_null."
            )


def check_url_path(path: object) -> str:
    """Return a path that may end the URL of an endpoint.

    Raises:
        InvalidRequest: It breaks the rule for names, or is reserved.
    """
    name = check_name(path, "endpoint_url_path")
    if name in RESERVED_URL_PATHS:
        raise InvalidRequest(f"endpoint_url_path {name!r} is reserved: choose another one.")
    return name


def mint_endpoint_token() -> str:
    """Return a new endpoint token: 256 random bits in characters that need no escaping in URLs."""
    return secrets.token_urlsafe(32)


def check_endpoint_token(token: object) -> str:
    """Return a token that a user chose for an endpoint.

    Raises:
        InvalidRequest: It has other characters than ``A-Z a-z 0-9 . _ ~ -``, which alone need no
            escaping in URLs, or is shorter than 4 or longer than 256.
    """
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise InvalidRequest(
            "endpoint_token must have 4 to 256 characters of A-Z, a-z, 0-9, '.', '_', '~', '-'."
        )
    return token


def with_new_values(
    noun: str,
    present: Sequence[tuple[str, Connection]],
    changes: Sequence[tuple[str, Connection]],
    unmapped: Collection[str] = (),
) -> tuple[tuple[str, Connection], ...]:
    """Return a mapping in which constants and data store paths have new values.

    Nothing else of a mapping may change once the deployment exists (wire contract, 6.4), but what
    came with a later version may be mapped.

    Args:
        noun: ``input`` or ``output``, for messages.
        present: The mapping as it is.
        changes: The elements that are to change.
        unmapped: Names that nobody has mapped yet.

    Raises:
        InvalidMapping: A change names something unknown, or changes the kind.
    """
    mapped = dict(present)
    for name, change in changes:
        if name not in mapped:
            raise InvalidMapping(
                f"There is no {noun} {name!r}; the {noun}s are: {', '.join(mapped) or 'none'}."
            )
        before = mapped[name]
        # Not by comparison: to Python, 1 and True are equal.
        if name in unmapped or (
            type(change) is type(before)
            and isinstance(change, Constant | DataStoreFile | DataStorePath)
        ):
            mapped[name] = change
        elif change != before:
            raise InvalidMapping(
                f"{noun} {name!r} is mapped to {before.kind}, and its mapping can only change in "
                "the value of constant_value or datastore_path; for another kind of mapping, "
                "create another deployment."
            )
    return tuple(mapped.items())
