"""The page that creates a pipeline of a folder, an archive, a repository or a template."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from starlette.responses import Response

from headrace.bundles.reading import ArchiveLimits
from headrace.console import pipelines
from headrace.console.forms import CSRF, check_form, read_fields
from headrace.console.navigation import PIPELINES, address
from headrace.console.rendering import page, see_other
from headrace.console.sent_code import archive_of, fetch, keep, text_of
from headrace.control.transactions.versions import Recorded
from headrace.core.contents import TOOL_NAMES
from headrace.core.errors import HeadraceError, InvalidRequest
from headrace.core.ignore_files import KINDS
from headrace.core.pipelines import Origin, Pipeline
from headrace.core.repositories import Repository
from headrace.web.creation import max_archive_bytes
from headrace.web.exchange import Exchange
from headrace.web.form_terms import FolderTerms, FormTerms, only
from headrace.web.forms import Form, read_form
from headrace.wire.forms import decode_tree
from headrace.wire.pipeline_templates import TEMPLATE_NAME, read_template_request
from headrace.wire.problems import status_of

NEW = f"{PIPELINES.path}/new"
FUNCTION = f"{NEW}/function"
FOLDER, GIT, TEMPLATE = "folder", "git", "template"
_FIELDS = ("from", "pipeline", "url", "branch", "deploy_key", "included")
_FILES, _ARCHIVE = "files", "archive"
_TEMPLATE_FIELDS = ("pipeline", "pipeline_name", TEMPLATE_NAME, "message", "force")


async def new_pipeline(exchange: Exchange) -> Response:
    """Show where the code of a pipeline, or of a new version of one, may come from."""
    query = exchange.request.query_params
    if "version" in query:
        # A pipeline may have this name, and its page has to be somewhere.
        exchange.request.path_params["name"] = "new"
        return await pipelines.pipeline(exchange)
    return await _shown(exchange, dict(query), None)


async def send_code(exchange: Exchange) -> Response:
    """Keep the code that a form sends, or that is fetched, and ask for the rest."""
    request, services = exchange.request, exchange.services
    async with read_form(request, uploads=services.uploads, terms=_terms(exchange)) as form:
        fields = dict.fromkeys(_FIELDS, "") | dict(form.fields)
        check_form(exchange, fields)
        try:
            code, said = await _received(exchange, form, fields)
        except HeadraceError as error:
            return await _shown(exchange, fields, error)
    return see_other(address(FUNCTION, pipeline=fields["pipeline"], code=code), said=said)


async def create_of_template(exchange: Exchange) -> Response:
    """Create a pipeline, or a version of one, of a template."""
    fields = await read_fields(exchange, *_TEMPLATE_FIELDS)
    replaced = fields.pop("pipeline")
    tree = {name: text for name, text in fields.items() if text}
    if replaced:
        tree |= {"pipeline_name": replaced, "replace": "true"}
    try:
        asked = read_template_request(decode_tree(tree.items()))
        recorded = await exchange.services.pipeline_templates.create_pipeline(
            exchange.scope,
            asked.pipeline_name,
            asked.template_name,
            replaces=asked.replaces,
            is_forced=asked.is_forced,
            message=asked.message,
        )
    except HeadraceError as error:
        shown = {**fields, "pipeline": replaced, "from": TEMPLATE}
        return await _shown(exchange, shown, error)
    return see_created(recorded)


def see_created(recorded: Recorded) -> Response:
    """Redirect to the page of the recorded version, where its build can be followed."""
    name, version = recorded.pipeline.name, recorded.pipeline.version
    said = "" if recorded.is_new else "Nothing has changed: the current version is the same."
    return see_other(f"{PIPELINES.path}/{name}?version={version.number}", said=said)


async def replaced_by(exchange: Exchange, name: str) -> Pipeline | None:
    """Return the pipeline that is to get a new version; None if a new one is to be made.

    Raises:
        NotFound: There is none of that name.
    """
    return await exchange.services.pipelines.get(exchange.scope, name) if name else None


async def _received(exchange: Exchange, form: Form, fields: Mapping[str, str]) -> tuple[str, str]:
    """Return the text that names the code of a form, and a note about it."""
    if fields["from"] == GIT:
        url = fields["url"].strip()
        if not url:
            raise InvalidRequest("The address of the repository is missing.")
        repository = Repository(url, fields["branch"].strip() or None, fields["deploy_key"] or None)
        included = re.split(r"[,\n]\s*", fields["included"].replace("\r", "").strip()) or ["/"]
        included = [path for path in included if path] or ["/"]
        return text_of(exchange, await fetch(exchange, repository, included)), ""
    archive, files = form.files.get(_ARCHIVE), form.folder_files
    async with archive_of(exchange, archive, files) as (path, judged):
        code = await keep(exchange, path)
    return text_of(exchange, code), judged.sentence()


def _terms(exchange: Exchange) -> FormTerms:
    keeps, most = only(*_FIELDS, CSRF).keeps_field, max_archive_bytes(exchange)
    folder = FolderTerms(_FILES, ArchiveLimits().members, most)

    def check_file(name: str) -> None:
        if name != _ARCHIVE:
            raise InvalidRequest(f"The form has the unexpected file {name!r:.100}.")

    return FormTerms(keeps, check_file, 1, most, folder=folder)


async def _shown(
    exchange: Exchange, typed: Mapping[str, str], error: HeadraceError | None
) -> Response:
    services, scope = exchange.services, exchange.scope
    found = await replaced_by(exchange, typed.get("pipeline", ""))
    source = typed.get("from") or _usual(found)
    project = await services.projects.current(scope)
    config = None if found is None else found.version.config
    known = await services.lookups.pipelines(scope)
    return page(
        exchange.request,
        "new-pipeline.html",
        title="New pipeline" if found is None else "New version",
        section=PIPELINES.name,
        status=200 if error is None else status_of(error),
        source=source,
        tabs_of=[
            (name, address(NEW, pipeline=typed.get("pipeline"), **{"from": key}))
            for key, name in _NAMES.items()
        ],
        chosen=_NAMES.get(source, ""),
        found=found,
        has_new=any(one.name == "new" for one in known) and found is None,
        typed=defaultdict(str, typed),
        url=typed.get("url") or (config and config.repository_url) or project.repository_url or "",
        branch=typed.get("branch") or (config and config.repository_branch) or "",
        project=project,
        templates=await services.pipeline_templates.all(scope) if source == TEMPLATE else [],
        max_bytes=exchange.max_folder_bytes,
        tools=sorted(TOOL_NAMES),
        ignore_files=KINDS,
        error=error,
    )


_NAMES = {FOLDER: "A folder", GIT: "A git repository", TEMPLATE: "A template"}


def _usual(found: Pipeline | None) -> str:
    if found is None:
        return FOLDER
    if found.version.template is not None:
        return TEMPLATE
    return GIT if found.version.origin is Origin.GIT else FOLDER
