"""Routes of steps (wire contract, 5.2)."""

from __future__ import annotations

from typing import Any

from headrace.api.logs import lines_between
from headrace.api.pipelines import build_log, folder_url
from headrace.core.names import check_name
from headrace.core.pipelines import Pipeline
from headrace.web.creation import drafted, read_creation
from headrace.web.exchange import Exchange
from headrace.web.forms import Form
from headrace.wire.answers import MAX_HOLD_S, Answer
from headrace.wire.bodies import step_body, step_item


async def list_steps(exchange: Exchange) -> Answer:
    """List steps."""
    steps = await exchange.services.steps.all(exchange.scope)
    return Answer([step_item(step) for step in steps])


async def create_step(exchange: Exchange) -> Answer:
    """Create a step: answer once it is recorded, and build it in the background."""
    async with read_creation(exchange) as (tree, form):
        tree["pipeline_name"] = check_name(tree.pop("step_name", None), "step_name")
        return await _made(exchange, tree, form)


async def update_step(exchange: Exchange) -> Answer:
    """Give a step other code; what it does not say is as it was, inputs and outputs as well."""
    async with read_creation(exchange) as (tree, form):
        tree |= {"pipeline_name": exchange.name(), "replace": True}
        step = await exchange.services.steps.own(exchange.scope, exchange.name())
        parameters = step_body(step)["parameters"]
        kept = ("function_path", "function_name", "inputs", "outputs")
        return await _made(exchange, {key: parameters[key] for key in kept} | tree, form)


async def _made(exchange: Exchange, tree: dict[str, Any], form: Form) -> Answer:
    async with drafted(exchange, tree, form) as draft:
        step = await exchange.services.steps.create(exchange.scope, draft)
    if exchange.waits_for_creations:
        step = await exchange.services.steps.wait(exchange.scope, draft.name, MAX_HOLD_S)
    return Answer(step_body(step), 201)


async def show_step(exchange: Exchange) -> Answer:
    """Show a step; with ``wait_for_completion``, once its build has ended."""
    hold_s = MAX_HOLD_S if exchange.flag("wait_for_completion") else 0
    step = await exchange.services.steps.wait(exchange.scope, exchange.name(), hold_s)
    return Answer(step_body(step))


async def delete_step(exchange: Exchange) -> Answer:
    """Delete a step, and what is made of it if that is forced."""
    name, force = exchange.name(), exchange.flag("force_dependents_deletion")
    await exchange.services.steps.delete(exchange.scope, name, with_dependents=force)
    return Answer({"step_name": name})


async def download_step(exchange: Exchange) -> Answer:
    """Give a URL, good for an hour, of the step's folder as a gzip-compressed tar."""
    return folder_url(exchange, await _step(exchange))


async def step_logs(exchange: Exchange) -> Answer:
    """Return the log of a step's build."""
    step = await _step(exchange)
    return Answer(await lines_between(exchange, await build_log(exchange, step)))


async def _step(exchange: Exchange) -> Pipeline:
    return await exchange.services.steps.get(exchange.scope, exchange.name())
