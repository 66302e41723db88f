"""The verbs of a server, constructed in the order in which they need each other."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.control.admission import any_of
from headrace.control.attaching import Attaching
from headrace.control.deletion import Deletion
from headrace.control.deployments import Deployments
from headrace.control.drafted_deployments import DraftedDeployments
from headrace.control.endpoint_cache import EndpointCache
from headrace.control.executions import Executions
from headrace.control.intake import Intake
from headrace.control.metrics import Metrics
from headrace.control.pipelines import Pipelines
from headrace.control.process_tokens import ProcessTokens
from headrace.control.reruns import Reruns
from headrace.control.schedules import Schedules
from headrace.control.standby import Standby
from headrace.control.steps import Steps
from headrace.control.submission import Submission
from headrace.control.tokens import Tokens
from headrace.control.variables import Variables
from headrace.control.versions import Versions
from headrace.engines.local.checking import check_function
from headrace.keeping.removal import Removal
from headrace.server.executing import Executing
from headrace.server.places import Places
from headrace.signals.local import LocalSignals


@dataclass(frozen=True, slots=True)
class Verbs:
    """What callers may do.

    Attributes:
        endpoints: The endpoints that are known without asking the database.
        removal: Takes away what was deleted; it has not begun.
    """

    tokens: Tokens
    executions: Executions
    reruns: Reruns
    schedules: Schedules
    deployments: Deployments
    pipelines: Pipelines
    steps: Steps
    metrics: Metrics
    versions: Versions
    standby: Standby
    endpoints: EndpointCache
    removal: Removal


def make_verbs(
    places: Places,
    signals: LocalSignals,
    variables: Variables,
    processes: ProcessTokens,
    executing: Executing,
    intake: Intake,
    max_input_bytes: int,
) -> Verbs:
    """Make the verbs for what is stored in ``places`` and run by ``executing``."""
    database, keys, logs, fronts = places.database, places.keys, places.logs, places.fronts
    worker, sets, stop = executing.worker, executing.sets, executing.stop
    put_on_record = any_of(executing.warm_calls.record, fronts.record)
    submission = Submission(database, signals, places.artifacts, worker, intake, max_input_bytes)
    executions = Executions(
        database, signals, places.artifacts, logs, submission, stop, put_on_record
    )
    schedules = Schedules(database, signals, worker, stop)
    endpoints = EndpointCache(on_change=fronts.changed)
    attaching = Attaching(database, places.attached, places.bundles)
    removal = Removal(database, signals, executions)
    deletion = Deletion(database, endpoints, worker, sets, removal)
    bundles, builder, images = places.bundles, places.builder, executing.images
    pipelines = Pipelines(
        database, signals, bundles, builder, logs, deletion, check_function, intake, images
    )
    return Verbs(
        tokens=Tokens(database, keys, processes, put_on_record),
        executions=executions,
        reruns=Reruns(
            database, submission, variables, places.artifacts, places.data_store, places.attached
        ),
        schedules=schedules,
        deployments=Deployments(
            database,
            keys,
            DraftedDeployments(database, executions, attaching),
            submission,
            schedules,
            worker,
            sets,
            endpoints,
            deletion,
            attaching,
        ),
        pipelines=pipelines,
        steps=Steps(database, signals, pipelines),
        metrics=Metrics(database, executions),
        versions=Versions(database, signals, worker, schedules, endpoints, sets, attaching),
        standby=Standby(
            *(database, signals, intake, executing.warm_calls, sets, schedules, worker.worker_id),
            on_change=fronts.hold_back,
        ),
        endpoints=endpoints,
        removal=removal,
    )
