"""What is to be deployed, as a command line or ``headrace.toml`` says it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from headrace.cli.connections import destination_from_text, source_from_text
from headrace.cli.session import Session
from headrace.cli.usage import usage
from headrace.client.deploying.deployer import Comparison, compare
from headrace.client.deploying.plans import Order, Plan
from headrace.client.deploying.wishes import Wish, single_wish


@dataclass(frozen=True, slots=True)
class Spec:
    """A deployment whose mapping is still text, because it is read by the types of the inputs.

    Attributes:
        wish: All the rest of it. Without a name it has that of the pipeline.
        inputs: Texts of the form ``NAME=SOURCE``.
        outputs: Texts of the form ``NAME=DESTINATION``.
        where: Where inputs and outputs are written, for messages.
    """

    wish: Wish
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    where: tuple[str, str] = ("--input", "--output")


@dataclass(frozen=True, slots=True)
class Job:
    """A pipeline with its deployments."""

    order: Order
    specs: tuple[Spec, ...] = ()


def plain_job(target: str, name: str | None, endpoint: str | None) -> Job:
    """Return what ``deploy FILE:FUNCTION`` of the current folder asks for."""
    order = Order(function=target, name=name, folder=Path())
    wish = single_wish(name or "", endpoint, None, None, low_latency=False)
    return Job(order, () if wish is None else (Spec(wish),))


def compared(current: Session, job: Job, drafts: Path) -> Comparison:
    """Return what a job would change on the server.

    Raises:
        HeadraceError: Of the kind that says what is wrong; nothing was changed.
    """
    plan = current.sdk.plan_deploy(job.order, drafts)
    return compare(current.sdk, plan, [_wish(spec, plan) for spec in job.specs])


def _wish(spec: Spec, plan: Plan) -> Wish:
    types = {item.name: item.data_type for item in plan.signature.inputs}
    with usage(spec.where[0]):
        sources = tuple(source_from_text(text, types) for text in spec.inputs)
    with usage(spec.where[1]):
        destinations = tuple(destination_from_text(text) for text in spec.outputs)
    return replace(
        spec.wish,
        name=spec.wish.name or plan.name,
        inputs_mapping=sources,
        outputs_mapping=destinations,
    )
