"""What is checked before a file is attached: its place in the folder, and its content."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from headrace.bundles.contents import taken_places
from headrace.bundles.port import Bundles
from headrace.control.attached_files import AttachedFiles
from headrace.control.transactions.deployments import Pin, pinned
from headrace.core.attachments import Attachment, changed_attachments
from headrace.core.deployment_drafts import DeploymentChange, DeploymentDraft
from headrace.core.deployments import Deployment
from headrace.core.dockerfiles import refuse_deployment, refuse_version
from headrace.core.errors import InvalidRequest
from headrace.core.pipelines import PipelineVersion
from headrace.store.database import Reader


class Attaching:
    """Checks attachments.

    Args:
        database: The records of pipelines.
        attached: The attached files on this machine.
        bundles: The folders of pipelines.
    """

    def __init__(self, database: Reader, attached: AttachedFiles, bundles: Bundles) -> None:
        self._database = database
        self._attached = attached
        self._bundles = bundles

    async def check(
        self,
        version: PipelineVersion,
        present: Sequence[Attachment],
        changes: Mapping[str, Attachment | None],
    ) -> tuple[Attachment, ...]:
        """Return the attachments that a deployment has after a change, all of them being here.

        Raises:
            InvalidRequest: One cannot be where it is to be, or is not as large as was said.
            InvalidEnvironment: The data store does not have one, or has something else in its
                place.
        """
        after = changed_attachments(present, changes)
        bundle = await self._bundles.find(version.bundle)
        places = [one.path for one in after]
        if bundle is not None:
            taken = await asyncio.to_thread(taken_places, bundle.folder, places)
            if taken:
                raise InvalidRequest(
                    f"A file cannot be attached at {taken[0]!r}: the pipeline's folder has "
                    "something there already. Take it out of the folder, or choose another place."
                )
        for one in after:
            if one.path in changes:
                place = await self._attached.sound(one)
                size = place.stat().st_size
                if size != one.size:
                    raise InvalidRequest(
                        f"size of the attachment {one.path!r} must be {size}, not {one.size}."
                    )
        return after

    async def check_draft(
        self, version: PipelineVersion, draft: DeploymentDraft
    ) -> tuple[Attachment, ...]:
        """Return the attachments of a new deployment, which its version can have; as :meth:`check`.

        Raises:
            InvalidRequest: The version is made from a Dockerfile, and the deployment is not for it.
        """
        is_low_latency = draft.low_latency is not None
        refuse_deployment(
            version, draft.name, is_low_latency=is_low_latency, attachments=draft.attachments
        )
        return await self.check(version, (), draft.attachments)

    async def check_change(self, deployment: Deployment, change: DeploymentChange) -> None:
        """Refuse a change after which a file cannot be where it is attached; as :meth:`check`."""
        if not change.attachments and change.pin is None:
            return
        is_low_latency = deployment.low_latency is not None
        if change.pin is not None:
            pin = Pin(change.pin[0], change.is_forced)
            deployment = await self._database.read(pinned, deployment, pin)
        version = deployment.pipeline.version
        after = await self.check(version, deployment.attachments, change.attachments)
        refuse_deployment(
            version, deployment.name, is_low_latency=is_low_latency, attachments=after
        )

    async def check_version(
        self, version: PipelineVersion, following: Sequence[Deployment]
    ) -> None:
        """Refuse a version that deployments cannot have, or without place for attached files.

        Raises:
            InvalidRequest: One cannot.
        """
        refuse_version(version, following)
        bundle = await self._bundles.find(version.bundle)
        if bundle is not None:
            refuse_taken(
                {
                    one.name: await asyncio.to_thread(taken_places, bundle.folder, places_of(one))
                    for one in following
                }
            )


def refuse_taken(folder_places: Mapping[str, Sequence[str]]) -> None:
    """Refuse a version whose folder has something where files are attached.

    Args:
        folder_places: The places that it has, by the name of the deployment.

    Raises:
        InvalidRequest: There is one.
    """
    for name, places in folder_places.items():
        if places:
            raise InvalidRequest(
                f"The folder has something at {places[0]!r}, where a file is attached to "
                f"deployment {name!r}: leave it out of the folder, or detach the file."
            )


def places_of(deployment: Deployment) -> list[str]:
    """Return where files are attached to a deployment."""
    return [one.path for one in deployment.attachments]
