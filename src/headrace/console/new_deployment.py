"""The page that creates a deployment: its mapping drawn, checked by the creation's rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from headrace.console import deployment_fields as fields
from headrace.console.deployment_answers import placed, shown_fire_times
from headrace.console.forms import check_form
from headrace.console.navigation import DEPLOYMENTS
from headrace.console.rendering import page, see_other
from headrace.core.connections import destination_kinds, source_kinds
from headrace.core.deployments import Deployment, Mode
from headrace.core.errors import HeadraceError
from headrace.core.parameters import Input, Output
from headrace.core.pipelines import Pipeline
from headrace.core.sources import Null, Rule
from headrace.web.exchange import Exchange
from headrace.web.form_terms import FormTerms, only
from headrace.web.forms import read_form
from headrace.wire.deployment_requests import read_deployment_request
from headrace.wire.fields import read_version
from headrace.wire.mappings import read_input_mapping, read_output_mapping
from headrace.wire.problems import status_of

NEW = "/new-deployment"
VERSIONS = 30
_IN_QUERY = ("name", "rule", "mode", "version")


@dataclass(frozen=True, slots=True)
class End:
    """An input or an output in the drawing, with what was chosen for it.

    Attributes:
        parameter: The input or output.
        kinds: What may be chosen: each kind with its name.
        chosen: The kind that is.
        text: What was typed for it.
        problem: What is wrong with it, or nothing.
        is_dead: Whether nothing goes along its line.
        takes_text: Whether a text belongs to the kind.
        default: Default of the caller's value, as typed.
        required: Whether the caller must send it, as typed.
    """

    parameter: Input | Output
    kinds: list[tuple[str, str]]
    chosen: str
    text: str
    problem: str
    is_dead: bool
    takes_text: bool
    default: str = ""
    required: str = ""


async def new_deployment(exchange: Exchange) -> Response:
    """Show the form, for the pipeline or like the deployment that the query names."""
    services, scope, query = exchange.services, exchange.scope, exchange.request.query_params
    typed = {key: query[key] for key in _IN_QUERY if key in query}
    name = query.get("pipeline", "")
    if query.get("like"):
        like = await services.deployments.get(scope, query["like"])
        typed = fields.typed_of(like) | typed
        name = like.pipeline.name
    if not name:
        known = await services.lookups.pipelines(scope)
        ready = sorted(one.name for one in known if one.version.can_run)
        return page(
            exchange.request,
            "new-deployment-pipeline.html",
            title="New deployment",
            section=DEPLOYMENTS.name,
            names=ready,
            new=NEW,
        )
    return await _shown(exchange, await _pipeline(exchange, name, typed), typed)


async def create_deployment(exchange: Exchange) -> Response:
    """Create the deployment that the form describes, or check it only."""
    services, scope = exchange.services, exchange.scope
    terms = FormTerms(fields.keeps, only().check_file)
    async with read_form(exchange.request, uploads=services.uploads, terms=terms) as form:
        typed = dict(form.fields)
    check_form(exchange, typed)
    found = await _pipeline(exchange, typed.get("pipeline", ""), typed)
    rule, body = fields.rule_of(typed), fields.body_of(typed, found)
    is_check = typed.get("do") != "create"
    wrong = _problems_of_mapping(body)
    planned, error = None, None
    try:
        draft = read_deployment_request(body, rule)
        if is_check:
            planned = await services.deployments.check(scope, draft)
        else:
            made, _ = await services.deployments.create(scope, draft)
            shown = "?show=token" if rule is Rule.ENDPOINT else ""
            said = f"{made.name} is created."
            return see_other(f"{DEPLOYMENTS.path}/{made.name}{shown}", said=said)
    except HeadraceError as refused:
        error = refused
        wrong |= placed(refused, found)
    return await _shown(
        exchange, found, typed, wrong=wrong, error=error, planned=planned, is_check=is_check
    )


async def _pipeline(exchange: Exchange, name: str, typed: Mapping[str, str]) -> Pipeline:
    """Return the pipeline with the version that was chosen; the current one if that is gone."""
    services, scope = exchange.services, exchange.scope
    found = await services.executions.ready_pipeline(scope, name)
    number = read_version(typed.get("version") or None)
    return found if number is None else await services.versions.get(scope, found, number)


def _problems_of_mapping(body: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with elements of the mapping, each read as the API reads it."""
    wrong: dict[str, str] = {}
    for item in body["inputs_mapping"]:
        try:
            read_input_mapping(item)
        except HeadraceError as error:
            wrong[fields.SOURCE + item["pipeline_input_name"]] = error.message
    for item in body["outputs_mapping"]:
        try:
            read_output_mapping(item)
        except HeadraceError as error:
            wrong[fields.GOAL + item["pipeline_output_name"]] = error.message
    return wrong


async def _shown(
    exchange: Exchange,
    found: Pipeline,
    typed: Mapping[str, str],
    *,
    wrong: Mapping[str, str] | None = None,
    error: HeadraceError | None = None,
    planned: Deployment | None = None,
    is_check: bool = True,
) -> Response:
    services, scope = exchange.services, exchange.scope
    rule, mode = fields.rule_of(typed), typed.get("mode") or Mode.ELASTIC.value
    wrong = wrong or {}
    known = await services.versions.all(scope, found, limit=VERSIONS, before=None)
    return page(
        exchange.request,
        "new-deployment.html",
        title="New deployment",
        section=DEPLOYMENTS.name,
        status=200 if error is None or is_check else status_of(error),
        found=found,
        new=NEW,
        typed=typed,
        rule=rule.value,
        mode=mode,
        versions=[one.version for one in known if one.version.can_run],
        sources=[_input(one, rule, typed, wrong) for one in found.inputs],
        destinations=[_output(one, rule, typed, wrong) for one in found.outputs],
        all_options=fields.ALL,
        schedule=fields.SCHEDULE,
        groups=_groups(rule, mode),
        wrong=wrong,
        # What stands beside its field is not said twice.
        error=None if wrong else error,
        is_refused=error is not None,
        planned=planned,
        fires=await shown_fire_times(typed) if rule is Rule.PERIODIC else None,
    )


def _groups(rule: Rule, mode: str) -> list[tuple[str, Iterable[fields.Option], bool]]:
    """Return the groups of options: name, options, and whether the deployment has them."""
    is_periodic = rule is Rule.PERIODIC
    return [
        ("Fire times that do not go as planned", fields.MISSED, is_periodic),
        ("Address", fields.ADDRESS, not is_periodic),
        ("Pods", fields.PODS, mode == Mode.LOW_LATENCY),
        ("Limits", fields.LIMITS, True),
    ]


def _input(one: Input, rule: Rule, typed: Mapping[str, str], wrong: Mapping[str, str]) -> End:
    kinds = [kind.kind for kind in source_kinds(rule, one.data_type)]
    chosen = fields.chosen_source(typed, rule, one.name, one.data_type)
    problem = wrong.get(fields.SOURCE + one.name, "")
    return End(
        parameter=one,
        kinds=[(kind, fields.KEYS[kind][1]) for kind in kinds],
        chosen=chosen,
        text=typed.get(fields.VALUE + one.name, ""),
        problem=problem,
        is_dead=chosen == Null.kind or bool(problem),
        takes_text=chosen != Null.kind,
        default=typed.get(fields.DEFAULT + one.name, ""),
        required=typed.get(fields.REQUIRED + one.name, ""),
    )


def _output(one: Output, rule: Rule, typed: Mapping[str, str], wrong: Mapping[str, str]) -> End:
    kinds = [kind.kind for kind in destination_kinds(rule, one.data_type)]
    chosen = fields.chosen_goal(typed, rule, one.name, one.data_type)
    problem = wrong.get(fields.GOAL + one.name, "")
    is_null = chosen == Null.kind
    return End(
        parameter=one,
        kinds=[(kind, fields.GOALS[kind][1]) for kind in kinds],
        chosen=chosen,
        text=typed.get(fields.PLACE + one.name, ""),
        problem=problem,
        is_dead=is_null or bool(problem),
        takes_text=not is_null,
    )
