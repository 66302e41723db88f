"""The form that runs a pipeline, made from the types of its inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import Response

from headrace.console.forms import CSRF, check_form
from headrace.console.navigation import PIPELINES
from headrace.console.rendering import page, see_other
from headrace.core.errors import HeadraceError, InvalidRequest
from headrace.core.parameters import Input
from headrace.core.pipelines import Pipeline
from headrace.core.values import DataType, Json
from headrace.web.exchange import Exchange
from headrace.web.form_terms import FormTerms
from headrace.web.forms import read_form
from headrace.wire.codec import decode
from headrace.wire.forms import short
from headrace.wire.problems import status_of
from headrace.wire.runs import RunRequest

VALUE = "value."
"""Begins the name of the field of an input."""


async def run_form(exchange: Exchange) -> Response:
    """Show the form."""
    found = await exchange.services.executions.ready_pipeline(exchange.scope, exchange.name())
    return _shown(exchange, found, {}, None)


async def run(exchange: Exchange) -> Response:
    """Run a pipeline with the values of the form, and show the execution."""
    services, scope = exchange.services, exchange.scope
    found = await services.executions.ready_pipeline(scope, exchange.name())
    async with read_form(
        exchange.request, uploads=services.uploads, terms=_terms(found, exchange)
    ) as form:
        typed = dict(form.fields)
        check_form(exchange, typed)
        try:
            values = _values(found, typed)
            # A browser sends a file field that was left empty as a file without name and bytes.
            files = {name: file for name, file in form.files.items() if file.filename or file.size}
            execution_id = await services.executions.run(
                scope, found.name, RunRequest(values), files
            )
        except HeadraceError as error:
            return _shown(exchange, found, typed, error)
    return see_other(f"/executions/{execution_id}")


def _values(found: Pipeline, typed: Mapping[str, str]) -> dict[str, Json]:
    """Return the values of the form; an input whose field is empty is not given."""
    return {
        item.name: _read(item, typed[VALUE + item.name])
        for item in found.inputs
        if item.data_type is not DataType.FILE and typed.get(VALUE + item.name, "")
    }


def _read(item: Input, text: str) -> Json:
    if item.data_type is DataType.STRING:
        return text
    value: Json = decode(text, f"Input {item.name!r}, which is of type {item.data_type.value},")
    return value


def _terms(found: Pipeline, exchange: Exchange) -> FormTerms:
    fields = {VALUE + item.name for item in found.inputs} | {CSRF}
    files = {item.name for item in found.inputs if item.data_type is DataType.FILE}

    def keeps_field(name: str) -> bool:
        if name not in fields:
            raise InvalidRequest(f"The form has the unknown field {short(name)}.")
        return True

    def check_file(name: str) -> None:
        if name not in files:
            raise InvalidRequest(f"The form has the unexpected file {short(name)}.")

    services = exchange.services
    limits = (services.max_upload_bytes, services.max_text_bytes)
    return FormTerms(keeps_field, check_file, len(files), *limits)


def _shown(
    exchange: Exchange, found: Pipeline, typed: Mapping[str, str], error: HeadraceError | None
) -> Response:
    return page(
        exchange.request,
        "run.html",
        title="Run",
        section=PIPELINES.name,
        status=200 if error is None else status_of(error),
        found=found,
        fields=[(item, VALUE + item.name, _text(item, typed)) for item in found.inputs],
        error=error,
    )


def _text(item: Input, typed: Mapping[str, str]) -> str:
    """Return what a field holds: what was typed, else the default of the input."""
    if VALUE + item.name in typed:
        return typed[VALUE + item.name]
    if item.default_value is None:
        return ""
    if isinstance(item.default_value, str) and item.data_type is DataType.STRING:
        return item.default_value
    return json.dumps(item.default_value, ensure_ascii=False)
