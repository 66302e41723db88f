"""The code and the environment of a pipeline: found on this machine, or made again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace.bundles.port import Bundles
from headrace.control.attached_files import AttachedFiles
from headrace.core.attachments import Attachment, object_of
from headrace.core.calls import Code, Material
from headrace.core.dockerfiles import image_digest
from headrace.core.errors import Unavailable
from headrace.core.pipelines import Pipeline
from headrace.engines.port import Images
from headrace.environments.port import Builder, Say
from headrace.environments.specs import environment_spec
from headrace.store import pipelines as rows
from headrace.store.database import Database

CHANGED = (
    "The environment of this pipeline is not on this machine any more, or was changed: building "
    "it again."
)


@dataclass(frozen=True, slots=True)
class CodeFinder:
    """Finds what pipelines import, and heals it before a process imports it."""

    database: Database
    bundles: Bundles
    builder: Builder
    attached: AttachedFiles
    images: Images

    async def find(
        self,
        pipeline: Pipeline,
        variables: Mapping[str, str],
        say: Say = lambda _: None,
        *,
        attachments: tuple[Attachment, ...] = (),
        is_checked: bool = False,
    ) -> Code:
        """Return the code of a ready pipeline, its environment being ready on this machine.

        Args:
            pipeline: The pipeline.
            variables: The environment's variables.
            say: Told of an environment that is built again.
            attachments: Files that go along with it.
            is_checked: Whether to check that all files are those that were sent and installed, and
                to make them again if not: before a process imports them.

        Raises:
            Unavailable: The pipeline's folder is gone from the data directory.
            InvalidEnvironment: The environment is gone and cannot be built again, or an attached
                file is gone.
        """
        if is_checked:
            bundle = await self.bundles.sound(pipeline.version.bundle)
        else:
            bundle = await self.bundles.find(pipeline.version.bundle)
        if bundle is None:
            which = f"version {pipeline.version.number} of pipeline {pipeline.name!r}"
            raise Unavailable(
                f"The folder of {which} is missing from the data directory: "
                + (
                    "make another version of it."
                    if pipeline.version.discarded_at is None
                    else "it is kept no longer. Use another version."
                )
            )
        digest = pipeline.version.environment or ""
        if not await self._is_there(pipeline, digest, is_checked=is_checked):
            say(CHANGED)
            digest, _ = await self.build(pipeline, bundle.folder, variables, say)
            if digest != pipeline.version.environment:
                await self.database.write(rows.move_environment, pipeline.version.id, digest)
        if is_checked:
            for one in attachments:
                await self.attached.sound(one)
        return code_of(pipeline, digest, attachments)

    async def _is_there(self, pipeline: Pipeline, digest: str, *, is_checked: bool) -> bool:
        if pipeline.version.config.dockerfile_path is not None:
            # Only who is about to run it asks the container engine.
            return not is_checked or await self.images.is_ready(digest)
        if is_checked:
            return await self.builder.sound(digest) is not None
        return self.builder.find(digest) is not None

    async def archive(self, bundle: str) -> Path:
        """Return the archive of a folder (:class:`headrace.engines.port.Originals`).

        Raises:
            Unavailable: It is gone.
        """
        found = await self.bundles.sound(bundle)
        if found is None:
            raise Unavailable(f"The folder {bundle} is missing from the data directory.")
        return found.archive

    async def attachment(self, digest: str) -> Path:
        """Return an attached file by its digest; see the port."""
        return await self.attached.sound(Attachment("", digest, 0, object_of(digest)))

    async def resolve(self, code: Code) -> Material:
        """Return the materials of code on this machine (:class:`headrace.engines.port.Materials`).

        Raises:
            Unavailable: One of them is gone from the data directory.
        """
        if code.dockerfile_path is not None:
            raise Unavailable(
                "A pipeline made from a Dockerfile has no process that is kept: run it with mode "
                "'elastic'."
            )
        bundle = await self.bundles.find(code.bundle)
        environment = self.builder.find(code.environment)
        gone = [one.path for one in code.attachments if self.attached.find(one) is None]
        if gone:
            raise Unavailable(
                f"The file attached at {gone[0]!r} has gone from the data directory meanwhile: run "
                "it again."
            )
        if bundle is None or environment is None:
            what = "folder" if bundle is None else "environment"
            raise Unavailable(
                f"The {what} of {code.function_path} has gone from the data directory meanwhile: "
                "run it again."
            )
        attached = {one.path: self.attached.find(one) for one in code.attachments}
        return Material(
            environment.python,
            bundle.folder,
            {path: place for path, place in attached.items() if place is not None},
        )

    async def build(
        self, pipeline: Pipeline, folder: Path, variables: Mapping[str, str], say: Say
    ) -> tuple[str, tuple[str, ...]]:
        """Build the environment of a pipeline, or its image; return its digest.

        The secret texts that went into it are returned as well.

        Raises:
            InvalidEnvironment: It cannot be built.
        """
        dockerfile = pipeline.version.config.dockerfile_path
        if dockerfile is not None:
            digest = image_digest(pipeline.version.bundle, dockerfile)
            await self.images.ready(digest, folder, dockerfile, say)
            return digest, ()
        spec, secrets = await asyncio.to_thread(
            environment_spec, code_of(pipeline, ""), folder, variables
        )
        environment = await self.builder.ready(spec, folder=folder, say=say, secrets=secrets)
        return environment.digest, secrets


def code_of(pipeline: Pipeline, environment: str, attachments: tuple[Attachment, ...] = ()) -> Code:
    """Return the code of a pipeline; the same for its creation and for each of its calls.

    Args:
        pipeline: The pipeline.
        environment: Digest of its environment or its image.
        attachments: Files that go along with it.
    """
    return Code(
        environment=environment,
        bundle=pipeline.version.bundle,
        function_path=pipeline.version.function_path,
        function_name=pipeline.version.function_name,
        owner=pipeline.created_by,
        calling=pipeline.version.calling,
        attachments=attachments,
        dockerfile_path=pipeline.version.config.dockerfile_path,
        language=pipeline.version.config.language or "",
        requirements_path=pipeline.version.config.requirements_path,
    )
