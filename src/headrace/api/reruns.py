"""Routes of executions that repeat others."""

from __future__ import annotations

from headrace.core.code_choices import read_code
from headrace.web.exchange import Exchange
from headrace.web.form_terms import rerun_terms
from headrace.web.forms import read_form
from headrace.wire.answers import Answer
from headrace.wire.codec import decode_object
from headrace.wire.reruns import plan_item, read_plan_request, rerun_body


async def rerun(exchange: Exchange) -> Answer:
    """Run an execution again.

    Takes ``code`` (``current``, ``original`` or the number of a version) and ``once`` (only if
    nothing has repeated it yet); in the form, ``json_inputs`` and files take the place of recorded
    inputs.
    """
    services, scope = exchange.services, exchange.scope
    code = read_code(exchange.request.query_params.get("code", "current"))
    once = exchange.flag("once")
    # Before the body: what cannot run needs no files.
    target = await services.reruns.target(scope, exchange.name("execution_id"), code)
    terms = rerun_terms(target.pipeline, services.max_upload_bytes, services.max_text_bytes)
    async with read_form(exchange.request, uploads=services.uploads, terms=terms) as form:
        values = decode_object(dict(form.fields).get("json_inputs", ""), "json_inputs")
        started = await services.reruns.run(scope, target, values, form.files, once=once)
    return Answer(rerun_body(started.execution_id, target, code, started.notes), 201)


async def plan_reruns(exchange: Exchange) -> Answer:
    """Say for some executions what would become of their reruns.

    Takes ``execution_ids`` (at most 200), ``code``, ``inputs`` and ``file_inputs`` (names of the
    inputs that files would be sent for).
    """
    asked = read_plan_request(await exchange.json_object())
    plans = await exchange.services.reruns.plan(
        exchange.scope, asked.execution_ids, asked.code, asked.given
    )
    return Answer(
        {
            "items": [
                plan_item(one.execution_id, one.version, one.rerun, one.problem, one.notes)
                for one in plans
            ]
        }
    )
