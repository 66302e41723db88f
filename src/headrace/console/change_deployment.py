"""The page that changes a deployment: constants, paths, schedule, pods and limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from headrace.console import change_fields
from headrace.console import deployment_fields as fields
from headrace.console.deployment_answers import placed, shown_fire_times
from headrace.console.forms import read_pairs
from headrace.console.navigation import DEPLOYMENTS
from headrace.console.rendering import page, see_other
from headrace.core.deployments import Deployment
from headrace.core.errors import Conflict, HeadraceError
from headrace.web.exchange import Exchange
from headrace.wire.deployment_requests import read_deployment_update
from headrace.wire.problems import status_of


@dataclass(frozen=True, slots=True)
class End:
    """A constant or a path of the mapping.

    Attributes:
        key: The name of its field.
        about: The input or output.
        kind: What it is.
        text: What was typed for it.
        problem: What is wrong with it, or nothing.
    """

    key: str
    about: str
    kind: str
    text: str
    problem: str


async def change_form(exchange: Exchange) -> Response:
    """Show the form, filled with the present values of the deployment."""
    found = await exchange.services.deployments.get(exchange.scope, exchange.name())
    return await _shown(exchange, found, fields.typed_of(found))


async def save_change(exchange: Exchange) -> Response:
    """Change the deployment as the form says, or check it only."""
    deployments, scope = exchange.services.deployments, exchange.scope
    found = await deployments.get(scope, exchange.name())
    known = [option.key for option in change_fields.options_of(found)]
    ends = change_fields.ends_of(found)
    typed = dict(await read_pairs(exchange, *known, *ends, change_fields.MADE, "do"))
    is_check = typed.pop("do", "check") != "save"
    try:
        if typed.get(change_fields.MADE) != change_fields.state_of(found):
            raise Conflict(
                f"{found.name} was changed meanwhile, and nothing of this is saved. Load the page "
                "again to see what it is now."
            )
        body = change_fields.change_of(typed, found)
        if body and is_check:
            await deployments.check_update(scope, found.name, read_deployment_update(body))
        elif not is_check:
            if body:
                await deployments.update(scope, found.name, read_deployment_update(body))
            said = f"{found.name} is changed." if body else f"Nothing of {found.name} differs."
            return see_other(f"{DEPLOYMENTS.path}/{found.name}", said=said)
    except HeadraceError as refused:
        return await _shown(exchange, found, typed, error=refused, is_check=is_check)
    return await _shown(exchange, found, typed, changed=tuple(body))


async def _shown(
    exchange: Exchange,
    found: Deployment,
    typed: Mapping[str, str],
    *,
    error: HeadraceError | None = None,
    is_check: bool = True,
    changed: tuple[str, ...] | None = None,
) -> Response:
    wrong = {} if error is None else placed(error, found.pipeline)
    return page(
        exchange.request,
        "change-deployment.html",
        title=f"Change {found.name}",
        section=DEPLOYMENTS.name,
        status=200 if error is None or is_check else status_of(error),
        found=found,
        typed=typed,
        wrong=wrong,
        error=error,
        changed=changed,
        made=typed.get(change_fields.MADE) or change_fields.state_of(found),
        ends=_ends(found, typed, wrong),
        schedule=fields.SCHEDULE if found.schedule else (),
        groups=_groups(found),
        fires=await shown_fire_times(typed) if found.schedule else None,
    )


def _ends(found: Deployment, typed: Mapping[str, str], wrong: Mapping[str, str]) -> list[End]:
    before = fields.typed_of(found)
    ends = []
    for key, about in change_fields.ends_of(found).items():
        is_input = key.startswith(fields.VALUE)
        chosen = before[(fields.SOURCE if is_input else fields.GOAL) + about]
        kind = (fields.KEYS if is_input else fields.GOALS)[chosen][1]
        problem = wrong.get((fields.SOURCE if is_input else fields.GOAL) + about, "")
        ends.append(End(key, about, kind, typed.get(key, before.get(key, "")), problem))
    return ends


def _groups(found: Deployment) -> list[tuple[str, tuple[fields.Option, ...]]]:
    """Return the groups of options that the deployment has, each with its name."""
    missed = [("Fire times that do not go as planned", fields.MISSED)] if found.schedule else []
    pods = [("Pods", fields.PODS)] if found.low_latency else []
    return [*missed, *pods, ("Limits", fields.LIMITS)]
