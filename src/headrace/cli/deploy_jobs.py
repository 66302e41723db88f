"""What is to be deployed, as a command line or ``headrace.toml`` says it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from headrace.cli.connections import destination_from_text, source_from_text
from headrace.cli.session import Session
from headrace.cli.usage import usage
from headrace.cli.words import in_words_of_the_file
from headrace.client.deploying.deployer import Comparison, beside, compare
from headrace.client.deploying.plans import Order, Plan
from headrace.client.deploying.wishes import Wish, single_wish
from headrace.core.errors import Conflict, InvalidRequest


@dataclass(frozen=True, slots=True)
class Spec:
    """A deployment whose mapping is still text, because it is read by the types of the inputs.

    Attributes:
        wish: All the rest of it. Without a name it has that of the pipeline.
        inputs: Texts of the form ``NAME=SOURCE``.
        outputs: Texts of the form ``NAME=DESTINATION``.
        where: Where inputs and outputs are written, for messages.
        table: The table of ``headrace.toml`` that says it; empty for a command line.
    """

    wish: Wish
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    where: tuple[str, str] = ("--input", "--output")
    table: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A pipeline with its deployments.

    Attributes:
        order: The pipeline.
        specs: Its deployments.
        table: The table of ``headrace.toml`` that says it; empty for a command line.
    """

    order: Order
    specs: tuple[Spec, ...] = ()
    table: str = ""


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
    sdk, wished = current.sdk, []
    with _located(job.table):
        plan = sdk.plan_deploy(job.order, drafts)
    for spec in job.specs:
        with _located(spec.table):
            wished.append(beside(sdk, plan, _wish(spec, plan)))
    with _located(job.table):
        return compare(sdk, plan, wished)


@contextmanager
def _located(table: str) -> Iterator[None]:
    """Have what is wrong with a table of ``headrace.toml`` say which one it is."""
    try:
        yield
    except (InvalidRequest, Conflict) as error:
        if table:
            error.message = f"{table} {in_words_of_the_file(error.message)}"
        raise


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
