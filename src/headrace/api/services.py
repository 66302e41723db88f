"""What handlers are given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from headrace.api.health_checks import HealthChecks
from headrace.bundles.store import BundleStore
from headrace.control.deployments import Deployments
from headrace.control.executions import Executions
from headrace.control.pipelines import Pipelines
from headrace.control.projects import Projects
from headrace.control.tokens import Tokens
from headrace.control.variables import Variables
from headrace.control.warm import Pods, WarmCalls
from headrace.keeping.clock_watch import ClockWatch
from headrace.logs.files import LogFiles
from headrace.objects.port import ObjectStore
from headrace.store.database import Reader


@dataclass(frozen=True, slots=True)
class Services:
    """The verbs and the readable places of a server.

    Attributes:
        environment_id: Id of this environment.
        started_at: When this server was started, UTC.
        public_url: Root URL under which callers reach this server.
        uploads: Folder for files while a request is read.
        max_folder_bytes: Most content of a pipeline's folder.
        max_upload_bytes: Greatest size of one uploaded file.
        max_text_bytes: Greatest size of the text of a request that brings values.
        link_key: Key that signs URLs.
    """

    reader: Reader
    tokens: Tokens
    projects: Projects
    variables: Variables
    pipelines: Pipelines
    executions: Executions
    deployments: Deployments
    pods: Pods
    warm_calls: WarmCalls
    clock: ClockWatch
    health: HealthChecks
    artifacts: ObjectStore
    data_store: ObjectStore
    bundles: BundleStore
    logs: LogFiles
    environment_id: str
    started_at: datetime
    public_url: str
    uploads: Path
    max_folder_bytes: int
    max_upload_bytes: int
    max_text_bytes: int
    link_key: bytes
