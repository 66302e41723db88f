"""What callers give to create or change a deployment, and what it is after a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from headrace.core.attachments import Attachment, changed_attachments
from headrace.core.deployments import Deployment, with_new_values
from headrace.core.destinations import OutputDestination
from headrace.core.errors import InvalidRequest, InvalidSchedule, InvalidValue
from headrace.core.low_latency import LowLatency, read_low_latency
from headrace.core.mappings import map_parameters, resolve_given
from headrace.core.retries import Retries
from headrace.core.schedule_requests import ScheduleRequest, read_schedule
from headrace.core.sources import InputSource, Rule
from headrace.core.tokens import User
from headrace.core.values import Json

InputsMapping = Sequence[tuple[str, InputSource]]
OutputsMapping = Sequence[tuple[str, OutputDestination]]


@dataclass(frozen=True, slots=True)
class DeploymentDraft:
    """What a caller gives to create a deployment.

    Attributes:
        name: Name of the deployment.
        pipeline_name: The pipeline that it runs.
        rule: Why its executions start: endpoint or periodic.
        description: Free text, or None.
        inputs_mapping: Sources, by input name; an endpoint's others are sent under their own
            names.
        outputs_mapping: Destinations, by output name; an endpoint's others are answered in the
            same way.
        url_path: Last segment of an endpoint's URL; None for the deployment's name.
        token: An endpoint's token; None to have one made.
        schedule: When a periodic deployment fires.
        timeout_s: Longest time of one execution, in seconds; None for the server's limit.
        retries: How often a failed execution is attempted again.
        is_enabled: Whether it takes executions from the start.
        low_latency: How its pods are kept; None for an elastic deployment.
        pinned_version: Number of the version that it runs; None follows the current one.
        probe: Input values of a call that a new pod has to pass, or None.
        attachments: Files that go along with its code, by their places in the folder.
    """

    name: str
    pipeline_name: str
    rule: Rule
    description: str | None
    inputs_mapping: InputsMapping
    outputs_mapping: OutputsMapping
    url_path: str | None = None
    token: str | None = None
    schedule: ScheduleRequest = field(default_factory=ScheduleRequest)
    timeout_s: float | None = None
    retries: Retries = Retries()
    is_enabled: bool = True
    low_latency: LowLatency | None = None
    pinned_version: int | None = None
    probe: Mapping[str, Json] | None = None
    attachments: Mapping[str, Attachment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeploymentChange:
    """What a caller changes of a deployment; None leaves a property as it is.

    ``low_latency`` holds options by name (:mod:`headrace.core.low_latency`), and ``replaces_pods``
    has new pods take the place of those there are. ``pin`` and ``probe`` hold the new value alone,
    because None is one: to follow the current version, and no probe. ``is_forced`` changes the
    version even if that breaks the mapping or a caller. ``attachments`` are added, replaced, or for
    None taken away, by their places in the folder.
    """

    is_enabled: bool | None = None
    inputs_mapping: InputsMapping | None = None
    outputs_mapping: OutputsMapping | None = None
    schedule: ScheduleRequest = field(default_factory=ScheduleRequest)
    timeout_s: float | None = None
    retries: int | None = None
    retry_backoff_s: float | None = None
    low_latency: Mapping[str, Any] = field(default_factory=dict)
    replaces_pods: bool = False
    pin: tuple[int | None] | None = None
    probe: tuple[Mapping[str, Json] | None] | None = None
    is_forced: bool = False
    attachments: Mapping[str, Attachment | None] = field(default_factory=dict)


def changed_deployment(
    deployment: Deployment, change: DeploymentChange, at: datetime, user: User
) -> Deployment:
    """Return a deployment after a change; one that is pinned has its new version already.

    Raises:
        InvalidRequest: Of the kind that says what is wrong.
    """
    schedule, retries = deployment.schedule, deployment.retries
    if not change.schedule.is_empty:
        if schedule is None:
            raise InvalidSchedule(
                f"Deployment {deployment.name!r} is an endpoint, so it has no schedule to change."
            )
        schedule = read_schedule(change.schedule, schedule)
    sources, destinations = _changed_mapping(deployment, change)
    changed = replace(
        deployment,
        sources=sources,
        destinations=destinations,
        is_enabled=deployment.is_enabled if change.is_enabled is None else change.is_enabled,
        updated_at=at,
        updated_by=user.id,
        schedule=schedule,
        low_latency=changed_low_latency(deployment, change),
        attachments=changed_attachments(deployment.attachments, change.attachments),
        timeout_s=deployment.timeout_s if change.timeout_s is None else change.timeout_s,
        retries=Retries(
            retries.most if change.retries is None else change.retries,
            retries.backoff_s if change.retry_backoff_s is None else change.retry_backoff_s,
        ),
        probe=deployment.probe if change.probe is None else change.probe[0],
    )
    if change.probe is not None:
        check_probe(changed)
    return changed


def check_probe(deployment: Deployment) -> None:
    """Refuse a probe that the deployment's pods cannot be called with.

    Raises:
        InvalidRequest: It is elastic, or the values do not fit its inputs.
    """
    if deployment.probe is None:
        return
    if deployment.low_latency is None:
        raise InvalidRequest(
            f"probe is a call of new pods, and deployment {deployment.name!r} is elastic: leave it "
            "out, or use mode 'low_latency'."
        )
    try:
        resolve_given(deployment.inputs, deployment.probe)
    except InvalidValue as error:
        raise InvalidRequest(f"probe: {error.message}") from None


def _changed_mapping(
    deployment: Deployment, change: DeploymentChange
) -> tuple[tuple[tuple[str, InputSource], ...], tuple[tuple[str, OutputDestination], ...]]:
    sources, destinations = dict(deployment.sources), dict(deployment.destinations)
    new_sources, new_destinations = change.inputs_mapping or (), change.outputs_mapping or ()
    fitted = [(item.parameter.name, item.source) for item in deployment.inputs]
    # What the version made of the mapping is not what somebody has mapped.
    unmapped = {name for name, source in fitted if sources.get(name) != source}
    inputs = with_new_values("input", fitted, new_sources, unmapped)
    goals = [(item.parameter.name, item.destination) for item in deployment.outputs]
    unmapped = {name for name, goal in goals if destinations.get(name) != goal}
    outputs = with_new_values("output", goals, new_destinations, unmapped)
    # New values have to fit the inputs as the first ones had to.
    pipeline = deployment.pipeline
    map_parameters(deployment.rule, (pipeline.inputs, pipeline.outputs), inputs, outputs)
    sources.update(new_sources)
    destinations.update(new_destinations)
    return tuple(sources.items()), tuple(destinations.items())


def changed_low_latency(deployment: Deployment, change: DeploymentChange) -> LowLatency | None:
    """Return how the pods of a deployment are kept after a change.

    Raises:
        InvalidRequest: It is elastic, or an option cannot be used.
    """
    present = deployment.low_latency
    if not change.low_latency and not change.replaces_pods:
        return present
    if present is None:
        raise InvalidRequest(
            f"Deployment {deployment.name!r} is elastic, so it has no pods to change."
        )
    after = read_low_latency(change.low_latency, present)
    return replace(after, generation=present.generation + change.replaces_pods)
