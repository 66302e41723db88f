"""What ``headrace deploy`` does once it is known what is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from headrace.cli.deploy_jobs import Job, compared
from headrace.cli.deploy_shown import deployed_pairs, say_what_was_understood
from headrace.cli.dry_runs import preview_of, show_previews
from headrace.cli.exits import EXIT_INTERRUPTED
from headrace.cli.session import Session
from headrace.cli.usage import wrong
from headrace.cli.words import FILE_KEYS
from headrace.client.deploying.deployed import Deployed
from headrace.client.deploying.deployer import Comparison, carry_out
from headrace.client.deploying.unsaid import unsaid
from headrace.core.errors import DeploymentCreationFailed, PipelineCreationFailed

if TYPE_CHECKING:
    from headrace.cli.manifest import Manifest


class DeployRun:
    """One use of ``headrace deploy`` or ``headrace diff``."""

    def __init__(
        self, current: Session, *, message: str | None, force: bool, is_dry: bool, waits: bool
    ) -> None:
        self._current = current
        self._message = message
        self._force = force
        self._is_dry = is_dry
        self._waits = waits

    def one(self, job: Job) -> None:
        """Deploy a function, or show what that would change."""
        screen = self._current.screen
        with TemporaryDirectory(prefix="headrace-") as drafts:
            comparison = compared(self._current, job, Path(drafts))
            if self._is_dry:
                preview = preview_of(self._current, comparison)
                show_previews(screen, [preview], preview.to_dict())
                return
            deployed = self._carried_out(comparison)
        self._show(comparison, deployed)
        if screen.as_json:
            screen.document(deployed.to_dict())

    def file(self, manifest: Manifest, only: str | None) -> None:
        """Deploy what a file has, or one pipeline of it; or show what that would change.

        All of it is compared before any of it is sent, so that a mistake anywhere changes nothing.
        """
        screen = self._current.screen
        jobs = _chosen(manifest, only)
        with TemporaryDirectory(prefix="headrace-") as drafts:
            comparisons = [compared(self._current, job, Path(drafts)) for job in jobs]
            others = self._not_in_file(manifest, comparisons)
            if self._is_dry:
                previews = [preview_of(self._current, one) for one in comparisons]
                document = {"pipelines": [one.to_dict() for one in previews], **others}
                show_previews(screen, previews, document)
            else:
                done = []
                for comparison in comparisons:
                    done.append(self._carried_out(comparison))
                    self._show(comparison, done[-1])
                if screen.as_json:
                    screen.document({"pipelines": [one.to_dict() for one in done], **others})
        self._say_others(manifest, others)

    def _carried_out(self, comparison: Comparison) -> Deployed:
        sdk = self._current.sdk
        name = comparison.plan.name
        if not self._waits and not comparison.is_same_version and comparison.wished:
            raise wrong("--no-wait", "a deployment is made or changed once the version is ready.")
        try:
            return carry_out(
                sdk, comparison, self, message=self._message, force=self._force, waits=self._waits
            )
        except DeploymentCreationFailed as error:
            if comparison.changes.number is not None:
                error.add_note(f"Back to what was before: headrace rollback {name}")
            raise
        except PipelineCreationFailed as error:
            if comparison.changes.number is not None:
                error.add_note(f"Pipeline {name} goes on with version {comparison.changes.number}.")
            raise
        except KeyboardInterrupt:
            self._current.screen.note(
                f"\nWhat was begun for pipeline {name} goes on. See: headrace versions {name}"
            )
            raise SystemExit(EXIT_INTERRUPTED) from None

    def understood(self, comparison: Comparison) -> None:
        """Show what the code says, unless there is nothing to do."""
        if not comparison.is_nothing:
            say_what_was_understood(self._current.screen, comparison)

    def building(self, name: str, number: int) -> None:
        """Show the log of a build as it is written."""
        screen = self._current.screen
        with screen.activity(f"Building version {number} of {name}"):
            for line in self._current.sdk.iter_version_logs(name, number):
                screen.note(line["message"])

    def deploying(self, name: str) -> None:
        """Say that a deployment is made, or goes on with the new version."""
        self._current.screen.note(f"Deploying {name} …")

    def _show(self, comparison: Comparison, deployed: Deployed) -> None:
        screen = self._current.screen
        if screen.as_json:
            return
        if comparison.is_nothing:
            what = f"pipeline {deployed.name} has version {deployed.version}"
            screen.say(f"Nothing changed: {what}{_at(deployed.url)}.", None)
            return
        created = {one.wish.name for one in comparison.wished if one.there is None}
        screen.fields(deployed_pairs(deployed, created), None)
        if deployed.is_new and not self._waits:
            screen.note(f"It is being built: headrace versions {deployed.name}")
        elif deployed.is_new and deployed.version > 1:
            screen.note(f"Back to what was before: headrace rollback {deployed.name}")

    def _not_in_file(
        self, manifest: Manifest, comparisons: Sequence[Comparison]
    ) -> dict[str, list[str]]:
        """Return what is on the server and not in a file."""
        sdk = self._current.sdk
        return {
            "other_settings": [
                f"{one.wish.name}: {FILE_KEYS.get(name, name)} = {value}"
                for comparison in comparisons
                for one in comparison.wished
                if one.there is not None
                for name, value in unsaid(one.wish, one.there)
            ],
            "other_deployments": [
                one["name"]
                for one in sdk.list_deployments()
                if one["pipeline_name"] in manifest.jobs and one["name"] not in manifest.deployments
            ],
            "other_pipelines": [
                one["pipeline_name"]
                for one in sdk.list_pipelines()
                if one["pipeline_name"] not in manifest.jobs
            ],
        }

    def _say_others(self, manifest: Manifest, others: Mapping[str, list[str]]) -> None:
        note = self._current.screen.note
        for name in others["other_deployments"]:
            note(
                f"Deployment {name} is on the server and not in {manifest.path}. It stays; to "
                f"delete it: headrace deployments delete {name}"
            )
        for text in others["other_settings"]:
            note(f"The server has, and {manifest.path} does not say: {text}. It stays.")
        names = others["other_pipelines"]
        if names:
            note(f"Pipelines on the server that {manifest.path} does not have: {', '.join(names)}.")


def _chosen(manifest: Manifest, only: str | None) -> list[Job]:
    return list(manifest.jobs.values()) if only is None else [manifest.job(only)]


def _at(url: str | None) -> str:
    return "" if url is None else f", at {url}"
