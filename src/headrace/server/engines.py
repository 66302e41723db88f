"""The engines of this machine, as the settings ask for them."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

from headrace.core.credentials import Issue
from headrace.engines.container.engine import ContainerEngine, ContainerEngineSettings
from headrace.engines.container.images import ContainerImages
from headrace.engines.container.leftovers import remove_leftovers
from headrace.engines.container.tool import ToolFinder
from headrace.engines.local.belongings import kill_leftovers
from headrace.engines.local.bounds import Bounds
from headrace.engines.local.engine import LocalEngine, LocalEngineSettings
from headrace.engines.local.hanging import Patience
from headrace.engines.local.install import install_harness
from headrace.engines.local.metering import Meter
from headrace.engines.local.pods import LocalPodEngine, PodSettings
from headrace.engines.port import Materials, Originals
from headrace.engines.ray.engine import RayEngine
from headrace.engines.ray.settings import LOCAL, AgentSettings, RaySettings, address_in
from headrace.server.allotment import allotment
from headrace.server.data_directory import DataDirectory
from headrace.server.settings import Settings

logger = logging.getLogger(__name__)

AGENT = "headrace.agent.actor:Agent"
"""The class of the agents on the nodes of a cluster."""


def end_leftovers(directory: DataDirectory) -> None:
    """Kill what an earlier server left running, while its scratch still leads there."""
    left = kill_leftovers(data_id_of(directory), directory.engine)
    for number in directory.fronts:
        left += kill_leftovers(_front_id(directory, number), directory.front_engine(number))
    if left:
        logger.warning("killed %d processes that an earlier server left", left)
    remove_leftovers(directory.images, data_id_of(directory))


def local_engine(
    settings: Settings,
    directory: DataDirectory,
    materials: Materials,
    issue: Issue,
    meter: Meter,
) -> LocalEngine:
    """Return the engine of elastic executions."""
    memory = settings.template_memory or allotment().memory_bytes // 4
    return LocalEngine(
        LocalEngineSettings(
            runtime_dir=directory.engine,
            harness_dir=install_harness(directory.harness),
            engine_id=data_id_of(directory),
            max_templates=settings.max_templates,
            template_memory_bytes=memory,
            idle_s=settings.template_idle_s,
            patience=Patience(start_s=settings.start_timeout_s),
            log_bytes=settings.max_log_bytes,
            bounds=_bounds(directory),
        ),
        materials,
        issue,
        meter,
    )


def cluster_engine(settings: Settings, originals: Originals, issue: Issue) -> RayEngine | None:
    """Return the engine of elastic executions on a cluster, or None if they run here."""
    cluster = cluster_of(settings)
    return None if cluster is None else RayEngine(cluster, originals, issue)


def cluster_of(settings: Settings) -> RaySettings | None:
    """Return what is said of a cluster, or None if elastic executions run here."""
    if settings.engine == LOCAL:
        return None
    agents = AgentSettings(
        max_templates=settings.max_templates,
        template_memory=settings.template_memory,
        template_idle_s=settings.template_idle_s,
        start_timeout_s=settings.start_timeout_s,
        log_bytes=settings.max_log_bytes,
        builds_at_once=settings.max_builds,
        folder_bytes=settings.max_folder_bytes,
        unused_s=settings.unused_environment_s,
    )
    return RaySettings(address_in(settings.engine), AGENT, agents, settings.ray_token)


def local_pod_engine(
    settings: Settings,
    directory: DataDirectory,
    materials: Materials,
    issue: Issue,
    meter: Meter,
) -> LocalPodEngine:
    """Return the engine of low-latency deployments."""
    return LocalPodEngine(
        _pod_settings(settings, directory, directory.engine, data_id_of(directory)),
        materials,
        issue,
        meter,
    )


def front_pod_engine(
    settings: Settings,
    directory: DataDirectory,
    number: int,
    materials: Materials,
    issue: Issue,
    meter: Meter,
) -> LocalPodEngine:
    """Return the engine of the pods of one front."""
    return LocalPodEngine(
        _pod_settings(
            settings, directory, directory.front_engine(number), _front_id(directory, number)
        ),
        materials,
        issue,
        meter,
    )


def end_leftovers_of_front(directory: DataDirectory, number: int) -> None:
    """Kill what a front left running."""
    kill_leftovers(_front_id(directory, number), directory.front_engine(number))


def _front_id(directory: DataDirectory, number: int) -> str:
    return f"{data_id_of(directory)}-{number}"


def _pod_settings(
    settings: Settings, directory: DataDirectory, runtime_dir: Path, engine_id: str
) -> PodSettings:
    return PodSettings(
        runtime_dir=runtime_dir,
        harness_dir=install_harness(directory.harness),
        engine_id=engine_id,
        stop_grace_s=settings.execution_grace_s,
        patience=Patience(start_s=settings.start_timeout_s),
        log_bytes=settings.max_log_bytes,
        bounds=_bounds(directory),
        output_bytes=settings.max_output_bytes,
    )


def container_engine(
    settings: Settings, directory: DataDirectory, meter: Meter
) -> tuple[ContainerEngine, ContainerImages]:
    """Return the engine of pipelines made from a Dockerfile, and what builds their images."""
    # One to follow each execution and one to ask of it, and those that build.
    at_once = 2 * (settings.max_executions + settings.max_builds)
    finder = ToolFinder(settings.container_engine, directory.engine, at_once)
    data_id = data_id_of(directory)
    engine = ContainerEngine(
        ContainerEngineSettings(data_id, settings.max_log_bytes), finder, meter
    )
    return engine, ContainerImages(finder, data_id, directory.images)


def _bounds(directory: DataDirectory) -> Bounds:
    """Return the folders of a data directory that user code may not change.

    The directory itself is no part of it: it may be the home folder of the server's user, where
    libraries make caches of their own.
    """
    return Bounds(
        closed=(
            directory.bundles,
            directory.environments,
            directory.attachments,
            directory.harness,
            directory.artifacts,
            directory.data_store,
            directory.logs,
            directory.workspaces.parent,
        ),
        open=(directory.logs, directory.workspaces),
    )


def data_id_of(directory: DataDirectory) -> str:
    """Return the same at every start on a directory, so that leftovers are recognised."""
    return hashlib.sha256(os.fsencode(directory.root.resolve())).hexdigest()[:16]
