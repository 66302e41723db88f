"""How long commands take, in times of what Python itself needs to start and do nothing.

Run ``python -m proof.benchmarks.startup`` on a machine that does nothing else. Each figure is the
median of rounds in which all commands take turns, so that a slower minute slows all of them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from proof.benchmarks.running import running_server

HEADRACE = Path(sys.executable).parent / "headrace"
ROUNDS = 20
CODE = "def f():\n    return {'y': 1}\n"


def main() -> None:
    """Print the table."""
    with running_server() as server, tempfile.TemporaryDirectory() as folder:
        Path(folder, "main.py").write_text(CODE)
        environ = {
            **os.environ,
            "HEADRACE_ENVIRONMENT_URL": server.url,
            "HEADRACE_CONTROL_URL": server.url,
            "HEADRACE_SDK_TOKEN": server.token,
        }
        create: list[str | Path] = [HEADRACE, "pipelines", "create", "tiny", "--folder", folder]
        subprocess.run(
            [*create, "--function", "main.py:f", "-o", "y:number"],
            env=environ,
            check=True,
            capture_output=True,
        )
        commands: dict[str, list[str | Path]] = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "headrace --version": [HEADRACE, "--version"],
            "headrace run tiny": [HEADRACE, "run", "tiny"],
            "headrace executions list": [HEADRACE, "executions", "list"],
            "headrace --help": [HEADRACE, "--help"],
            "import headrace": [sys.executable, "-c", "import headrace"],
            "HeadraceSdk().who_am_i()": [
                *(sys.executable, "-c"),
                "from headrace import HeadraceSdk; HeadraceSdk().who_am_i()",
            ],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(ROUNDS + 2):
            for name, command in commands.items():
                began = time.perf_counter()
                subprocess.run(command, env=environ, check=True, capture_output=True)
                # The first rounds write bytecode and fill caches.
                if number >= 2:
                    times[name].append(time.perf_counter() - began)
    base = statistics.median(times["python -c pass"])
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(f"{name:<26} {middle * 1000:7.1f} ms {middle / base:6.1f}x")


if __name__ == "__main__":
    main()
