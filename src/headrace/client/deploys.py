"""Deploy: a new version of the code as it is, and the deployments that call it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from headrace.client.mappings import InputSource, OutputDestination, mapping_objects
from headrace.client.version_sending import VersionSending
from headrace.core.errors import InvalidRequest

if TYPE_CHECKING:
    from headrace.client.deploying.deployed import Deployed
    from headrace.client.deploying.deployer import Comparison
    from headrace.client.deploying.wishes import Wish


class DeployCalls(VersionSending):
    """Deploy again and again."""

    def deploy(
        self,
        function: Callable[..., Any] | str,
        *,
        name: str | None = None,
        folder: str | os.PathLike[str] | None = None,
        endpoint: str | None = None,
        every: str | None = None,
        timezone: str | None = None,
        low_latency: bool = False,
        inputs_mapping: Sequence[InputSource] = (),
        outputs_mapping: Sequence[OutputDestination] = (),
        attach: Mapping[str, str] | None = None,
        requirements: str | None = None,
        python: str | None = None,
        include: Sequence[str] | None = None,
        system_dependencies: Sequence[str] | None = None,
        message: str | None = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> Deployed:
        """Make a new version of a pipeline from a function as it is, and deploy it.

        Inputs, outputs, requirements and Python are read from the code. The first time the pipeline
        is created; after that, deployments that call it go on with the new version, behind the same
        URL, token and schedule. If nothing has changed, nothing is done.

        The function is one of a file, whose folder travels; or one that a notebook or a session has
        defined, which travels as a module of its own with the functions, classes, imports and
        literal constants that it names, in the versions that are installed here.

        Args:
            function: The function, or ``path/to/file.py:function`` in the folder.
            name: Name of the pipeline; that of the function unless given.
            folder: The folder that travels; unless given, that from which the function's module was
                imported, or the current one for a text.
            endpoint: Make it an HTTP endpoint of this name as well.
            every: Make it a periodic job, named as the pipeline: five cron fields.
            timezone: IANA name of the time zone of ``every``.
            low_latency: Keep it in pods that stay.
            inputs_mapping: Where inputs of the deployment come from.
            outputs_mapping: Where its outputs go.
            attach: Local files that are in the folder before the code is imported, by their places.
            requirements: Requirements file in the folder; empty for none. What the folder has
                unless given.
            python: Version of Python, such as ``3.12``; what the code asks for unless given.
            include: Files and folders of the folder that are taken.
            system_dependencies: System packages that must be on the server's machine.
            message: What is new, for the list of versions.
            force: Go on although deployments or their callers would break.
            dry_run: Change nothing; the result says what would change.

        Returns:
            What there is now: ``name``, ``version``, ``is_new``, ``changes``, ``url``, ``token``,
            ``curl``; it shows itself without the token.

        Raises:
            InvalidCode: The function, or something that it names, cannot be deployed.
            InvalidRequest: Something else cannot be used; nothing was sent.
            BreakingChange: Deployments or their callers would break.
            Conflict: No update can make a deployment that is there what is wanted.
            PipelineCreationFailed: The build failed; the version before stays.
            DeploymentCreationFailed: No pod could be started.
        """
        # Only who deploys pays for the import of what reads code and ignore files.
        from headrace.client.deploying import deployer  # noqa: PLC0415 - see above
        from headrace.client.deploying.plans import Order  # noqa: PLC0415 - see above

        order = Order(
            function,
            name,
            None if folder is None else Path(folder),
            requirements,
            python,
            include,
            system_dependencies,
        )
        with TemporaryDirectory(prefix="headrace-") as drafts:
            plan = self.plan_deploy(order, Path(drafts))
            wishes = _wishes(
                plan.name, endpoint, every, timezone, low_latency, inputs_mapping, outputs_mapping
            )
            if attach:
                wishes = [replace(one, options={**one.options, "attach": attach}) for one in wishes]
            comparison = deployer.compare(
                self, plan, [deployer.beside(self, plan, wish) for wish in wishes]
            )
            if dry_run:
                return deployer.planned(self, comparison)
            return deployer.carry_out(
                self, comparison, _Told(self), message=message, force=force, waits=True
            )


class _Told:
    """Tells what a deployment does on stderr, if the SDK says what it does."""

    def __init__(self, sdk: DeployCalls) -> None:
        self._sdk = sdk

    def understood(self, comparison: Comparison) -> None:
        """Say how much travels, if something does."""
        if not comparison.is_same_version:
            self._say(f"Sending {comparison.plan.selection.extent}.")

    def building(self, name: str, number: int) -> None:
        """Say that a build goes on."""
        self._say(f"Version {number} of pipeline {name}: building.")

    def deploying(self, name: str) -> None:
        """Say that a deployment is made or changed."""
        self._say(f"Deployment {name}: on its way.")

    def _say(self, text: str) -> None:
        if self._sdk.verbose_log:
            print(text, file=sys.stderr)  # noqa: T201 - what verbose_log is for


def _wishes(
    pipeline_name: str,
    endpoint: str | None,
    every: str | None,
    timezone: str | None,
    low_latency: bool,
    inputs_mapping: Sequence[InputSource],
    outputs_mapping: Sequence[OutputDestination],
) -> list[Wish]:
    from headrace.client.deploying.wishes import single_wish  # noqa: PLC0415 - as in deploy

    wish = single_wish(pipeline_name, endpoint, every, timezone, low_latency=low_latency)
    if wish is None:
        if inputs_mapping or outputs_mapping:
            raise InvalidRequest("inputs_mapping and outputs_mapping need endpoint or every.")
        return []
    mapping_objects(inputs_mapping, InputSource, "inputs_mapping")
    mapping_objects(outputs_mapping, OutputDestination, "outputs_mapping")
    return [
        replace(wish, inputs_mapping=tuple(inputs_mapping), outputs_mapping=tuple(outputs_mapping))
    ]
