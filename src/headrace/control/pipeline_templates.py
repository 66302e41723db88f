"""Pipeline templates: list and show them, and make pipelines of them."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from headrace.bundles.contents import write_archive
from headrace.control.pipeline_drafts import PipelineDraft
from headrace.control.pipelines import Pipelines
from headrace.control.projects import Projects
from headrace.control.transactions.versions import Recorded
from headrace.core.errors import NotFound
from headrace.core.pipeline_templates import PipelineTemplate
from headrace.core.pipelines import ContainerConfig
from headrace.core.scopes import Scope

Catalogue = Callable[[], Mapping[str, PipelineTemplate]]
"""Returns the templates by their names; it reads files."""


class PipelineTemplates:
    """The verbs of pipeline templates."""

    def __init__(
        self, catalogue: Catalogue, pipelines: Pipelines, projects: Projects, folder: Path
    ) -> None:
        self._catalogue = catalogue
        self._pipelines = pipelines
        self._projects = projects
        self._folder = folder

    async def all(self, scope: Scope) -> list[PipelineTemplate]:
        """Return all templates in the order of their names."""
        return list((await asyncio.to_thread(self._catalogue)).values())

    async def get(self, scope: Scope, name: str) -> PipelineTemplate:
        """Return a template.

        Raises:
            NotFound: There is no such template; the message names those that exist.
        """
        found = await asyncio.to_thread(self._catalogue)
        if name not in found:
            shown = name if len(name) <= 128 else f"{name[:125]}..."
            raise NotFound(
                f"There is no pipeline template {shown!r}; there are {', '.join(found)}."
            )
        return found[name]

    async def create_pipeline(
        self,
        scope: Scope,
        name: str,
        template_name: str,
        *,
        replaces: bool = False,
        is_forced: bool = False,
        message: str | None = None,
    ) -> Recorded:
        """Accept a pipeline whose code is that of a template, and have it built.

        Its Python is the project's; the other settings of the project do not concern it.

        Args:
            scope: The caller.
            name: Name of the pipeline.
            template_name: The template.
            replaces: Whether a pipeline of that name gets another version.
            is_forced: Whether the version becomes current although it breaks deployments.
            message: What the author says of the version, or None.

        Raises:
            NotFound: There is no such template.
            AlreadyExists, BreakingChange, InvalidRequest: As by :meth:`Pipelines.create`.
        """
        template = await self.get(scope, template_name)
        project = await self._projects.current(scope)
        config = ContainerConfig(
            language=project.language,
            requirements_path=template.requirements_path,
            included_folders=("/",),
        )
        with tempfile.TemporaryDirectory(prefix="template-", dir=self._folder) as place:
            archive = await asyncio.to_thread(_packed, template, Path(place))
            draft = PipelineDraft(
                name=name,
                function_path=template.function_path,
                function_name=template.function_name,
                description=template.reference.description,
                inputs=template.inputs,
                outputs=template.outputs,
                config=config,
                archive=archive,
                needs_nothing=template.requirements_path is None,
                replaces=replaces,
                is_forced=is_forced,
                message=message,
                template=template.reference,
            )
            return await self._pipelines.create(scope, draft)


def _packed(template: PipelineTemplate, place: Path) -> Path:
    """Write the archive of a template's code below a folder, and return where it is."""
    for path, source in template.files.items():
        target = place / "code" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    write_archive(place / "code", place / "code.tgz")
    return place / "code.tgz"
