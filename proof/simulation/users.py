"""What users of a story do: they deploy, change, pause, cancel and delete."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from proof.simulation.expressions import Terms
from proof.simulation.removal import stop, stop_and_remove
from proof.simulation.servers import SECOND, Server
from proof.simulation.world import Crash, World

from headrace.control.transactions import deployments as records
from headrace.control.transactions.deletion import mark_deployments
from headrace.core.deployment_drafts import DeploymentChange, changed_deployment
from headrace.core.deployments import Deployment, Mode
from headrace.core.destinations import Nowhere
from headrace.core.errors import HeadraceError
from headrace.core.names import new_id
from headrace.core.parameters import Output
from headrace.core.pipelines import (
    ContainerConfig,
    Origin,
    Pipeline,
    PipelineStatus,
    PipelineVersion,
)
from headrace.core.retries import Retries
from headrace.core.schedule_requests import ScheduleOptions, ScheduleRequest, read_schedule
from headrace.core.sources import Rule
from headrace.core.tokens import User
from headrace.store.pipelines import add_pipeline

USER = User("user", "user", "user@example.org")


class Users:
    """All users of a story.

    Args:
        world: Where they live.
        servers: Those that they may turn to.
        draw: Returns a random schedule of theirs.
    """

    def __init__(
        self, world: World, servers: list[Server], draw: Callable[[random.Random], Terms]
    ) -> None:
        self._world = world
        self._servers = servers
        self._draw = draw
        self._names = 0
        self._pipeline = Pipeline(
            id="pipeline",
            name="pipeline",
            created_at=world.now,
            created_by=USER.id,
            version=PipelineVersion(
                id="pipeline-version",
                number=1,
                function_path="main.py",
                function_name="main",
                config=ContainerConfig("python:3.11-slim"),
                origin=Origin.LOCAL,
                status=PipelineStatus.READY,
                created_at=world.now,
                created_by=USER.id,
                bundle="bundle",
                outputs=(Output("mark", "string"),),
                environment="environment",
            ),
        )
        add_pipeline(world.connection, self._pipeline)

    def deploy(self) -> None:
        """Create a deployment."""
        self._ask(self._deploy)

    def do_something(self) -> None:
        """Do any of what users do."""
        chance = self._world.chance
        actions = [self._deploy, self._change, self._pause, self._cancel, self._delete]
        self._ask(chance.choices(actions, weights=[3, 8, 4, 4, 2])[0])

    def _ask(self, action: Callable[[Server], None]) -> None:
        able = [server for server in self._servers if server.is_awake and server.worker_id]
        if not able:
            return
        try:
            action(self._world.chance.choice(able))
        except (HeadraceError, Crash):
            # They are told so, or hear nothing; what they do then is chance again.
            return

    def _deploy(self, server: Server) -> None:
        chance = self._world.chance
        self._names += chance.random() < 0.9
        schedule = read_schedule(self._request(chance.getrandbits(6) | 1))
        deployment = Deployment(
            id=new_id(),
            name=f"d{self._names}",
            pipeline=self._pipeline,
            rule=Rule.PERIODIC,
            mode=Mode.ELASTIC,
            description=None,
            sources=(),
            destinations=(("mark", Nowhere()),),
            is_enabled=chance.random() < 0.9,
            created_at=server.now,
            created_by=USER.id,
            updated_at=server.now,
            updated_by=USER.id,
            retries=self._retries(),
            schedule=schedule,
        )
        server.write(records.add, deployment, None)
        server.wake()

    def _change(self, server: Server) -> None:
        chance = self._world.chance
        retries = self._retries().most if chance.random() < 0.2 else None
        schedule = self._request(chance.getrandbits(6))
        self._apply(server, DeploymentChange(schedule=schedule, retries=retries))

    def _pause(self, server: Server) -> None:
        self._apply(server, DeploymentChange(is_enabled=self._world.chance.random() < 0.6))

    def _apply(self, server: Server, change: DeploymentChange) -> None:
        at = server.now
        name = self._any("SELECT name FROM deployments ORDER BY name")
        if name is None:
            return
        _, fired = server.write(
            records.change,
            name,
            lambda deployment: changed_deployment(deployment, change, at, USER),
            at,
            server.worker_id,
        )
        server.follow_up(fired)
        server.wake()

    def _cancel(self, server: Server) -> None:
        execution_id = self._any(
            "SELECT id FROM executions WHERE status IN ('Pending', 'Running') ORDER BY id"
        )
        if execution_id is not None:
            stop(server, execution_id)

    def _delete(self, server: Server) -> None:
        deployment_id = self._any(
            "SELECT id FROM deployments WHERE deleted_at IS NULL ORDER BY name"
        )
        if deployment_id is not None:
            server.write(mark_deployments, [deployment_id], server.now, server.worker_id)
            wait = self._world.chance.choice([0, 60]) * SECOND
            server.later(wait, partial(stop_and_remove, server, deployment_id))

    def _request(self, parts: int) -> ScheduleRequest:
        """Return some parts of a random schedule, those whose bit is set."""
        terms = self._draw(self._world.chance)
        return ScheduleRequest(
            expression=terms.expression if parts & 1 else None,
            options=ScheduleOptions(
                timezone=terms.timezone if parts & 2 else None,
                missed=terms.missed if parts & 4 else None,
                missed_window_s=terms.missed_window_s if parts & 8 else None,
                overlap=terms.overlap if parts & 16 else None,
                jitter_s=terms.jitter_s if parts & 32 else None,
            ),
        )

    def _retries(self) -> Retries:
        chance = self._world.chance
        return Retries(chance.choice([0, 0, 1, 4]), chance.choice([0.0, 1.0, 60.0]))

    def _any(self, query: str) -> str | None:
        found = [row[0] for row in self._world.connection.exec_driver_sql(query)]
        return self._world.chance.choice(found) if found else None
