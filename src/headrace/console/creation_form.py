"""The form that creates a pipeline, filled with what its code says."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.responses import Response

from headrace.bundles.code_reading import CodeReading
from headrace.bundles.contents import sizes_of
from headrace.console import creation_fields
from headrace.console.creation_fields import (
    FUNCTION,
    IMAGE,
    LANGUAGE,
    REQUIREMENTS,
    fields_of,
    rows,
    with_empty,
)
from headrace.console.forms import check_form
from headrace.console.navigation import PIPELINES, address
from headrace.console.new_pipeline import NEW, replaced_by, see_created
from headrace.console.rendering import page
from headrace.console.sent_code import SentCode, read_code
from headrace.core.dockerfiles import DOCKERFILE
from headrace.core.errors import BreakingChange, HeadraceError, InvalidEnvironment
from headrace.core.pipelines import Origin, Pipeline
from headrace.core.values import DataType
from headrace.web.creation import draft_of
from headrace.web.exchange import Exchange
from headrace.web.form_terms import FormTerms, only
from headrace.web.forms import read_form
from headrace.wire.bodies import project_body
from headrace.wire.creation import read_pipeline_request, resolve_config
from headrace.wire.parameter_bodies import input_body, output_body
from headrace.wire.problems import status_of

MAX_DOCKERFILES = 100
_DOCKERFILE = re.compile(
    r"(^|/)((Dockerfile|Containerfile)(\.[^/]+)?|[^/]+\.(dockerfile|containerfile))$", re.IGNORECASE
)


class CreationForms:
    """The form, with a reader of the code that it is about."""

    def __init__(self) -> None:
        self._reading = CodeReading()

    async def form(self, exchange: Exchange) -> Response:
        """Show the form with what the code says.

        Raises:
            InvalidRequest: The code is kept no longer.
            NotFound: The pipeline that is to get a version is gone.
        """
        query = exchange.request.query_params
        found = await replaced_by(exchange, query.get("pipeline", ""))
        code, bundle = await read_code(exchange, query.get("code", ""))
        asked = query.get("function") or _function_of(found)
        services, scope = exchange.services, exchange.scope
        typed = {name: query.get(name, "") for name in ("code", "pipeline")}
        dockerfiles = await asyncio.to_thread(dockerfiles_in, bundle.folder)
        if (query.get("kind") or _kind_of(found)) == IMAGE:
            return await _shown(exchange, typed | _of_image(found, dockerfiles), code, dockerfiles)
        read = await self._reading.read(
            bundle.folder,
            asked,
            pythons=await services.pipelines.pythons(scope),
            project=project_body(await services.projects.current(scope)),
        )
        if dockerfiles and not (read["functions"] or query.get("kind") or found):
            return await _shown(exchange, typed | _of_image(found, dockerfiles), code, dockerfiles)
        return await _shown(exchange, typed | _proposed(read, found), code, dockerfiles, read=read)

    async def create(self, exchange: Exchange) -> Response:
        """Create the pipeline, or the version, that the form describes."""
        services, scope = exchange.services, exchange.scope
        terms = FormTerms(creation_fields.keeps, only().check_file)
        async with read_form(exchange.request, uploads=services.uploads, terms=terms) as form:
            typed = dict(form.fields)
        check_form(exchange, typed)
        code, bundle = await read_code(exchange, typed.get("code", ""))
        dockerfiles = await asyncio.to_thread(dockerfiles_in, bundle.folder)
        if typed.get("more"):
            return await _shown(exchange, typed, code, dockerfiles)
        try:
            request = read_pipeline_request(
                creation_fields.tree_of(typed, code.included.splitlines())
            )
            project = await services.projects.current(scope)
            config = resolve_config(request, project, code.repository)
            draft = replace(
                draft_of(request, config, bundle.archive), max_bytes=exchange.max_folder_bytes
            )
            if code.commit_id:
                draft = replace(draft, origin=Origin.GIT, commit_id=code.commit_id)
            return see_created(await services.pipelines.create(scope, draft))
        except HeadraceError as error:
            return await _shown(exchange, typed, code, dockerfiles, error=error)


def dockerfiles_in(folder: Path) -> list[str]:
    """Return the files of a folder that have the name of a Dockerfile, the shallowest first."""
    names = [path for path, _ in sizes_of(folder) if _DOCKERFILE.search(path)]
    return sorted(names, key=lambda path: (path.count("/"), path))[:MAX_DOCKERFILES]


def _kind_of(found: Pipeline | None) -> str:
    is_image = found is not None and found.version.config.dockerfile_path is not None
    return IMAGE if is_image else FUNCTION


def _of_image(found: Pipeline | None, dockerfiles: Sequence[str]) -> dict[str, str]:
    """Return the fields of a pipeline that is made from a Dockerfile, which says no inputs."""
    fields = {"kind": IMAGE, DOCKERFILE: dockerfiles[0] if dockerfiles else ""}
    if found is None:
        return fields
    version = found.version
    if version.config.dockerfile_path is not None:
        fields[DOCKERFILE] = version.config.dockerfile_path
    return (
        fields
        | {"description": found.description or ""}
        | fields_of("inputs", map(input_body, version.inputs))
        | fields_of("outputs", map(output_body, version.outputs))
    )


def _function_of(found: Pipeline | None) -> str:
    if found is None or not found.version.function_name:
        return ""
    return f"{found.version.function_path}:{found.version.function_name}"


def _proposed(read: Mapping[str, Any], found: Pipeline | None) -> dict[str, str]:
    """Return the fields with the values that the code gives; the others stay as they were."""
    name = str(read["function_name"])
    fields = {
        "function_path": str(read["function_path"]),
        "function_name": name,
        "pipeline_name": name,
        "description": str(read.get("description") or ""),
        "calling": str(read.get("calling") or ""),
        LANGUAGE: str(read.get("language") or ""),
        REQUIREMENTS: str(read.get("requirements_path") or ""),
    }
    inputs, outputs = read.get("inputs"), read.get("outputs")
    if inputs is None and found is not None:
        version = found.version
        inputs = [input_body(item) for item in version.inputs]
        outputs = [output_body(item) for item in version.outputs]
        fields["calling"] = version.calling.value
    if found is not None:
        packages = found.version.config.system_dependencies or ()
        fields[creation_fields.PACKAGES] = " ".join(packages)
    return fields | fields_of("inputs", inputs or ()) | fields_of("outputs", outputs or ())


async def _shown(
    exchange: Exchange,
    typed: Mapping[str, str],
    code: SentCode,
    dockerfiles: Sequence[str],
    *,
    read: Mapping[str, Any] | None = None,
    error: HeadraceError | None = None,
) -> Response:
    services, scope = exchange.services, exchange.scope
    project = await services.projects.current(scope)
    pythons = [f"python:{one}-slim" for one in await services.pipelines.pythons(scope)]
    language = typed.get(LANGUAGE) or project.language
    found, more = typed.get("pipeline", ""), typed.get("more")
    kind = typed.get("kind") or FUNCTION
    return page(
        exchange.request,
        "creation-form.html",
        title="New pipeline" if not found else "New version",
        section=PIPELINES.name,
        status=200 if error is None else status_of(error),
        typed=defaultdict(str, typed),
        found=found,
        code=code,
        new=NEW,
        kind=kind,
        dockerfile=DOCKERFILE,
        dockerfiles=dockerfiles,
        kinds=[
            (
                name,
                address(f"{NEW}/function", pipeline=found, code=typed.get("code"), kind=one),
            )
            for one, name in _NAMES.items()
        ],
        kind_name=_NAMES.get(kind, ""),
        no_images=await _why_no_images(exchange) if kind == IMAGE and error is None else "",
        inputs=with_empty(rows(typed, "inputs"), 3 * (more == "inputs")),
        outputs=with_empty(rows(typed, "outputs"), 3 * (more == "outputs")),
        types=[kind.value for kind in DataType],
        languages=pythons if language in pythons else [language, *pythons],
        language=language,
        functions=[] if read is None else read["functions"],
        requirements_files=[] if read is None else read["requirements_files"],
        notes=[] if read is None else read["notes"],
        problems=[] if read is None else read["problems"],
        breaks=isinstance(error, BreakingChange) or typed.get("force") == "true",
        error=error,
    )


async def _why_no_images(exchange: Exchange) -> str:
    """Return why no Dockerfile can be used on this server, as its creation would say it."""
    try:
        await exchange.services.pipelines.check_images(exchange.scope)
    except InvalidEnvironment as error:
        return error.message
    return ""


_NAMES = {FUNCTION: "A function", IMAGE: "A Dockerfile"}
