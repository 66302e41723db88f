"""The pipelines that are run under a server that is killed, and the deployments of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headrace.client.client import HeadraceSdk
from headrace.client.mappings import InputSource, OutputDestination
from headrace.core.parameters import Input, Output

SOURCE = '''\
"""Quick work, some of which leaves processes behind or fails now and then."""

import os
import subprocess
import sys
import time


def double(number):
    time.sleep((number % 7) / 50)
    return {"doubled": 2 * number}


def leave_processes(number):
    code = "import time; time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", code])
    subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    time.sleep((number % 5) / 20)
    return {"doubled": 2 * number}


def tick():
    time.sleep(0.05)
'''

FUNCTIONS = ("double", "leave_processes")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint to call.

    Attributes:
        name: Name of its deployment, and last segment of its URL.
        token: Its token.
        has_keys: Whether calls bear idempotency keys, and are repeated until they are answered.
    """

    name: str
    token: str
    has_keys: bool


@dataclass(frozen=True, slots=True)
class Periodic:
    """A periodic deployment.

    Attributes:
        name: Its name.
        every: Minutes between its fire times, which are those that this divides.
        policies: Further arguments of ``create_deployment``.
    """

    name: str
    every: int = 1
    policies: Mapping[str, Any] = field(default_factory=dict)

    @property
    def schedule(self) -> str:
        """Its cron expression."""
        return "* * * * *" if self.every == 1 else f"*/{self.every} * * * *"


def make_pipelines(sdk: HeadraceSdk, folder: Path) -> None:
    """Create the pipelines; their source is written to ``folder``."""
    folder.mkdir(exist_ok=True)
    (folder / "work.py").write_text(SOURCE)
    for name in FUNCTIONS:
        sdk.create_pipeline(
            name,
            "work.py",
            name,
            container_config={"local_folder": str(folder)},
            inputs=[Input("number", "number")],
            outputs=[Output("doubled", "number")],
        )
    sdk.create_pipeline("tick", "work.py", "tick", container_config={"local_folder": str(folder)})


def make_endpoint(sdk: HeadraceSdk, name: str, *, has_keys: bool, **more: Any) -> Endpoint:
    """Create an endpoint of the first pipeline; ``more`` goes to ``create_deployment``."""
    deployment = sdk.create_deployment(
        "double",
        name,
        "endpoint",
        inputs_mapping=[InputSource("number", endpoint_input_name="number")],
        outputs_mapping=[OutputDestination("doubled", endpoint_output_name="doubled")],
        **more,
    )
    return Endpoint(name, deployment["endpoint_token"], has_keys)


def make_periodic(sdk: HeadraceSdk, periodic: Periodic) -> None:
    """Create a periodic deployment."""
    sdk.create_deployment(
        "tick", periodic.name, "periodic", schedule=periodic.schedule, **periodic.policies
    )
