"""Pipelines that are deployed again and again on a real server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import RunningServer

from headrace import HeadraceSdk, Input, NotFound, Output

X = Input("x", "number")
Y = Output("y", "number")

ADDING = "def main(x):\n    return {{'y': x + {}}}\n"
"""Source of a version; the number tells its answers from those of others."""


@dataclass
class Loop:
    """A pipeline that is edited and deployed again.

    Attributes:
        name: Its name.
        folder: Its folder.
        url: Root URL of the server.
    """

    sdk: HeadraceSdk
    name: str
    folder: Path
    url: str

    def deploy(
        self,
        source: str | int,
        inputs: Sequence[Input] = (X,),
        outputs: Sequence[Output] = (Y,),
        **more: Any,
    ) -> dict[str, Any]:
        """Write the function and deploy it; return ``creation_info``."""
        (self.folder / "main.py").write_text(
            ADDING.format(source) if isinstance(source, int) else source
        )
        made = self.sdk.create_pipeline(
            self.name,
            "main.py",
            "main",
            container_config={"local_folder": str(self.folder)},
            inputs=inputs,
            outputs=outputs,
            **{"replace": True} | more,
        )
        info: dict[str, Any] = made["creation_info"]
        return info

    def versions(self) -> list[tuple[int, str, bool]]:
        """Return number and status of each version, and whether it is current; oldest first."""
        found = self.sdk.list_pipeline_versions(self.name)
        return [(v["version"], v["status"], v["is_current"]) for v in reversed(found)]

    def endpoint(self, **more: Any) -> Callable[..., httpx.Response]:
        """Make an endpoint; return what calls it."""
        name = f"e-{uuid.uuid4().hex[:8]}"
        made = self.sdk.create_deployment(self.name, name, "endpoint", **more)
        headers = {"Authorization": f"EndpointToken {made['endpoint_token']}"}

        def call(**inputs: Any) -> httpx.Response:
            url = f"{self.url}/endpoints/{name}"
            return httpx.post(url, json=inputs, headers=headers, timeout=60, follow_redirects=True)

        call.__name__ = name
        return call


@pytest.fixture(scope="session")
def sdk(server: RunningServer) -> Iterator[HeadraceSdk]:
    with HeadraceSdk(server.token, server.url) as made:
        yield made


@pytest.fixture
def loop(server: RunningServer, sdk: HeadraceSdk, tmp_path: Path) -> Iterator[Loop]:
    """A pipeline without a version yet, which is deleted afterwards."""
    made = Loop(sdk, f"loop-{uuid.uuid4().hex[:8]}", tmp_path / "code", server.url)
    made.folder.mkdir()
    yield made
    with suppress(NotFound):
        sdk.delete_pipeline(made.name, force_deployments_deletion=True)
