"""What runs the code of pipelines: engines, the worker, pods, and the calls that these answer."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from headrace.control.admission import Stop, first_of
from headrace.control.attempts import Attempts
from headrace.control.execution_tokens import ExecutionTokens
from headrace.control.intake import Intake
from headrace.control.process_tokens import ProcessTokens
from headrace.control.variables import Variables
from headrace.core.calls import Limits
from headrace.core.nodes import NodeState
from headrace.engines.by_code import EngineByCode, Meters
from headrace.engines.local.metering import Meter
from headrace.engines.port import Engine, Images, Metering
from headrace.engines.ray.engine import RayEngine
from headrace.pods.dispatcher import Dispatcher
from headrace.pods.plans import Plans
from headrace.pods.sets import PodSets
from headrace.running.code import CodeFinder
from headrace.running.runner import Runner
from headrace.running.worker import Worker
from headrace.server.data_directory import DataDirectory
from headrace.server.engines import cluster_engine, container_engine, local_engine, local_pod_engine
from headrace.server.fronts.seats import AllMeters
from headrace.server.fronts.shares import share_of
from headrace.server.places import Places
from headrace.server.settings import Settings
from headrace.serving.calls import Calls
from headrace.signals.local import LocalSignals


@dataclass(frozen=True, slots=True)
class Executing:
    """What runs code; it has not begun.

    Attributes:
        meter: Measures what runs.
        cluster: The engine of a cluster; it is not connected yet. None without one.
        stop: Stops an execution wherever in this process it runs.
    """

    codes: CodeFinder
    engine: Engine
    images: Images
    meter: Metering
    cluster: RayEngine | None
    plans: Plans
    worker: Worker
    sets: PodSets
    dispatcher: Dispatcher
    warm_calls: Calls
    stop: Stop

    def nodes(self) -> list[NodeState]:
        """Return the nodes on which elastic executions run; none if that is this machine."""
        return [] if self.cluster is None else self.cluster.nodes()


def make_executing(
    settings: Settings,
    directory: DataDirectory,
    places: Places,
    signals: LocalSignals,
    variables: Variables,
    processes: ProcessTokens,
    intake: Intake,
    stack: AsyncExitStack,
) -> Executing:
    """Make what runs code; ``stack`` closes the engines."""
    database, logs, fronts = places.database, places.logs, places.fronts
    meter = Meter()
    containers, images = container_engine(settings, directory, meter)
    codes = CodeFinder(database, places.bundles, places.builder, places.attached, images)
    cluster = cluster_engine(settings, codes, processes.issue)
    functions = cluster or local_engine(settings, directory, codes, processes.issue, meter)
    engine = EngineByCode(functions, containers)
    meters = Meters((meter,) if cluster is None else (meter, cluster))
    stack.push_async_callback(engine.close)
    pods = local_pod_engine(settings, directory, codes, processes.issue, meter)
    stack.push_async_callback(pods.close)
    limits = limits_of(settings)
    runner = Runner(
        engine=engine,
        codes=codes,
        attempts=Attempts(database, signals),
        variables=variables,
        tokens=ExecutionTokens(places.keys),
        artifacts=places.artifacts,
        data_store=places.data_store,
        logs=logs,
        workspaces=directory.workspaces,
        addresses=processes.addresses,
        limits=limits,
    )
    worker = Worker(settings.max_executions, database, signals, runner, intake)
    plans = Plans(codes, variables, logs, limits)
    share = share_of(0, settings.processes)
    wanted = (database, signals, pods, plans, variables, settings.stop_grace_s, intake)
    sets = PodSets(*wanted, share=share, elsewhere=fronts)
    warm_calls = Calls(
        places.book,
        signals,
        pods,
        sets,
        worker.worker_id,
        variables,
        logs,
        str(directory.workspaces),
        settings.max_input_bytes,
    )
    dispatcher = Dispatcher(database, signals, worker, sets, pods)
    stop = first_of(worker.stop, warm_calls.stop, fronts.stop)
    return Executing(
        *(codes, engine, images, AllMeters(meters, fronts), cluster, plans, worker),
        *(sets, dispatcher, warm_calls, stop),
    )


def limits_of(settings: Settings) -> Limits:
    """Return the limits of each call."""
    return Limits(
        timeout_s=settings.execution_timeout_s,
        memory_bytes=settings.execution_memory,
        grace_s=settings.execution_grace_s,
        output_bytes=settings.max_output_bytes,
    )
