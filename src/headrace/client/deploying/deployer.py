"""The steps of a deployment: understand, compare, send, build, deploy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from headrace.client.creation import what_runs
from headrace.client.deploying.changes import Changes, changes_of
from headrace.client.deploying.deployed import Deployed
from headrace.client.deploying.plans import Plan
from headrace.client.deploying.wishes import FOLLOWS, Update, Wish, check_mode, fitted, update_of
from headrace.core.deployments import Mode
from headrace.core.errors import Conflict, DeploymentCreationFailed, NotFound
from headrace.core.pipelines import PipelineStatus
from headrace.core.pods import RolloutStatus

if TYPE_CHECKING:
    from headrace.client.version_sending import VersionSending

Object = dict[str, Any]


class Told(Protocol):
    """Whoever is told what a deployment does."""

    def understood(self, comparison: Comparison) -> None:
        """Show what the code says, and what would change."""

    def building(self, name: str, number: int) -> None:
        """Show the build of a version until it has ended."""

    def deploying(self, name: str) -> None:
        """Show that a deployment is created or changed."""


@dataclass(frozen=True, slots=True)
class Wished:
    """A deployment as its author wants it, and as it is.

    Attributes:
        wish: What is wanted.
        there: The deployment, or None if it is to be made.
        update: What is to be changed of it.
    """

    wish: Wish
    there: Object | None
    update: Update

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is to be done."""
        return self.there is not None and not self.update.arguments


@dataclass(frozen=True, slots=True)
class Comparison:
    """A plan beside what is on the server.

    Attributes:
        plan: The version to come.
        version: The current version as the server shows it; None if there is no pipeline.
        changes: What differs.
        wished: The deployments.
    """

    plan: Plan
    version: Object | None
    changes: Changes
    wished: tuple[Wished, ...]

    @property
    def is_same_version(self) -> bool:
        """Whether the current version is what the plan says."""
        is_ready = self.version is not None and self.version["status"] == PipelineStatus.READY
        return is_ready and self.changes.is_nothing

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is to be done."""
        return self.is_same_version and all(one.is_nothing for one in self.wished)

    @property
    def lines(self) -> list[str]:
        """What would change, for people; nothing is said of a version that is the first."""
        if self.changes.number is None:
            return []
        return [*self.changes.files, *self.changes.lines]


def beside(sdk: VersionSending, plan: Plan, asked: Wish) -> Wished:
    """Return a deployment as it is wanted beside the one that is there.

    Raises:
        InvalidRequest: Of the kind that says what cannot be used.
        Conflict: No update can make the one that is there what is wanted.
    """
    wish = fitted(asked, plan.signature.inputs, plan.signature.outputs)
    there: Object | None = None
    with suppress(NotFound):
        there = sdk.get_deployment(wish.name)
    update = update_of(wish, there, plan.name) if there else Update({}, ())
    check_mode(wish, there)
    return Wished(wish, there, update)


def compare(sdk: VersionSending, plan: Plan, wished: Sequence[Wished]) -> Comparison:
    """Return what differs between a plan and the server; nothing is changed there.

    Raises:
        Conflict: The pipeline that is there was made of another function.
    """
    version: Object | None = None
    with suppress(NotFound):
        version = sdk.get_pipeline_version(plan.name)
    if version is not None:
        _check_owner(plan, version)
    return Comparison(plan, version, changes_of(plan, version), tuple(wished))


def carry_out(
    sdk: VersionSending,
    comparison: Comparison,
    told: Told,
    *,
    message: str | None,
    force: bool,
    waits: bool,
) -> Deployed:
    """Do what differs, and return what there is then.

    Raises:
        BreakingChange: Deployments or their callers would break, and it is not forced.
        PipelineCreationFailed: The build failed; the version before stays.
        Conflict: The version was built, but did not become current.
        DeploymentCreationFailed: No pod could be started.
    """
    told.understood(comparison)
    name = comparison.plan.name
    number, is_new = comparison.changes.number or 0, False
    if not comparison.is_same_version:
        number, is_new = sdk.send_version(comparison.plan, message=message, force=force)
        if waits:
            told.building(name, number)
            sdk.wait_for_version(name, number)
    deployments = [_deployed(sdk, name, one, told, waits=waits) for one in comparison.wished]
    if not deployments and waits:
        deployments = _callers(sdk, name, told, is_new=is_new)
    return Deployed(
        name=name,
        version=number,
        is_new=is_new,
        server=sdk.base_environment_url,
        changes=tuple(comparison.lines),
        notes=comparison.plan.notes,
        deployments=tuple(deployments),
    )


def planned(sdk: VersionSending, comparison: Comparison) -> Deployed:
    """Return what there is now, with what would change."""
    return Deployed(
        name=comparison.plan.name,
        version=comparison.changes.number or 0,
        is_new=False,
        server=sdk.base_environment_url,
        changes=tuple(comparison.lines),
        notes=comparison.plan.notes,
        deployments=tuple(one.there for one in comparison.wished if one.there),
        is_planned=True,
    )


def _deployed(
    sdk: VersionSending, pipeline: str, one: Wished, told: Told, *, waits: bool
) -> Object:
    """Create or change a deployment, and return it."""
    wish = one.wish
    if one.is_nothing:
        # Its pods may be about to change to the new version.
        return _awaited(sdk, wish.name) if waits else sdk.get_deployment(wish.name)
    told.deploying(wish.name)
    if one.there is not None:
        changed = sdk.update_deployment(
            wish.name, wait_for_completion=waits, **dict(one.update.arguments)
        )
        return _awaited(sdk, wish.name) if waits else changed
    return sdk.create_deployment(
        pipeline,
        wish.name,
        wish.rule.value,
        (wish.mode or Mode.ELASTIC).value,
        inputs_mapping=wish.inputs_mapping,
        outputs_mapping=wish.outputs_mapping,
        wait_for_completion=waits,
        **{key: value for key, value in wish.options.items() if value != FOLLOWS},
    )


def _awaited(sdk: VersionSending, name: str) -> Object:
    """Return a deployment once its pods have the current version.

    Raises:
        DeploymentCreationFailed: They could not be started; those of another version go on.
    """
    found: Object = sdk.get_deployment(name, wait_for_completion=True)
    rollout = found.get("rollout")
    if rollout is not None and rollout["status"] == RolloutStatus.FAILED:
        raise DeploymentCreationFailed(
            f"The pods of deployment {name!r} could not be started with version "
            f"{rollout['version']}, and those of the version before go on: {rollout['reason']}",
            details={"deployment_name": name, "rollout": rollout},
        )
    return found


def _callers(sdk: VersionSending, pipeline: str, told: Told, *, is_new: bool) -> list[Object]:
    """Return the deployment that calls a pipeline, if there is one only; wait for all pods."""
    names = [one["name"] for one in sdk.list_deployments() if one["pipeline_name"] == pipeline]
    if not is_new:
        names = names[:1] if len(names) == 1 else []
    found = []
    for name in names:
        if is_new:
            told.deploying(name)
        found.append(_awaited(sdk, name))
    return found if len(found) == 1 else []


def _check_owner(plan: Plan, version: Mapping[str, Any]) -> None:
    """Refuse a pipeline that happens to have the function's name and was made from another."""
    parameters = version["parameters"]
    there = what_runs(parameters)
    here = f"{plan.target.function_path}:{plan.target.function_name}"
    if plan.is_named or there == here:
        return
    raise Conflict(
        f"There is a pipeline {plan.name!r} already, made from {there}, and not from {here}. "
        f"Give name {plan.name!r} to make this its next version, or another name."
    )
