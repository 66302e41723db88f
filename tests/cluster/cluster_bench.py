"""The site of a cluster for tests of engines: one engine for all of them, and folders by digest."""

from __future__ import annotations

import os
import sys
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.engines.conftest import Bench

from headrace.bundles.store import BundleStore
from headrace.core.calls import Call
from headrace.core.environments import EnvironmentSpec
from headrace.engines.ray.engine import RayEngine
from headrace.engines.ray.settings import AgentSettings, RaySettings

CLUSTER = "HEADRACE_TEST_CLUSTER"
"""Names the address of the cluster that tests run on."""

SECOND_RAYLET = "HEADRACE_TEST_SECOND_RAYLET"
"""Names the process of the second node of that cluster."""

TOKEN = "0123456789abcdef" * 4
"""The token that the cluster asks for."""

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
AGENT = "headrace.agent.actor:Agent"


def settings(**changes: Any) -> RaySettings:
    made = RaySettings(os.environ[CLUSTER], AGENT, AgentSettings(), TOKEN)
    return replace(made, **changes)


class Originals:
    """The folders of all pipelines of a bench (:class:`headrace.engines.port.Originals`)."""

    def __init__(self) -> None:
        self.stores: list[BundleStore] = []
        self.attached: dict[str, Path] = {}

    async def archive(self, bundle: str) -> Path:
        found = [store.find(bundle) for store in self.stores]
        return next(one.archive for one in found if one is not None)

    async def attachment(self, digest: str) -> Path:
        return self.attached[digest]


class RayBench(Bench):
    """A bench whose calls run on nodes."""

    def __init__(self, root: Path, engine: RayEngine, originals: Originals) -> None:
        self.ray = engine
        self.bundles = BundleStore(root / "bundles")
        originals.stores.append(self.bundles)
        super().__init__(root)

    def open(self, **settings: object) -> None:
        assert not settings
        self.engine = self.ray

    def call(self, *args: Any, **kwargs: Any) -> Call:
        made = super().call(*args, **kwargs)
        code = replace(
            made.code,
            environment=EnvironmentSpec(PYTHON, "").digest,
            bundle=self._kept(),
            language=f"python:{PYTHON}-slim",
        )
        return replace(made, code=code)

    def _kept(self) -> str:
        archive = self.root / "folder.tgz"
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(self.folder, ".")
        return self.bundles.keep(archive).digest


_shared: dict[str, Any] = {}


async def shared_engine() -> tuple[RayEngine, Originals]:
    """The engine of all tests; another one if a test has closed it."""
    if not _shared or _shared["engine"]._is_closed:
        originals = Originals()
        engine = RayEngine(settings(), originals)
        await engine.open()
        _shared.update(engine=engine, originals=originals)
    return _shared["engine"], _shared["originals"]


@asynccontextmanager
async def ray_site(root: Path) -> AsyncIterator[RayBench]:
    yield RayBench(root, *await shared_engine())
