"""How soon an environment with scikit-learn and pandas can be used, as shares of pip's time.

Run with ``python -m proof.benchmarks.environments``. It downloads about 100 MB, writes to temporary
folders only, and takes about two minutes.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median

from headrace.core.environments import EnvironmentSpec
from headrace.environments.uv import UvBuilder

REQUIREMENTS = "scikit-learn\npandas\n"
IMPORTS = "import sklearn, pandas"
REPETITIONS = 3
# Bytecode is part of what is measured; the index is the public one for both.
_LEFT_OUT = {"PYTHONDONTWRITEBYTECODE", "PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"}


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds since somebody asked for the environment."""

    ready: float
    first_import_ended: float
    compiled: float


def _environ(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    return kept | more


def measure_pip(folder: Path, cache: Path) -> Times:
    """Make a virtual environment with pip, which compiles while it installs."""
    environ = _environ(
        PIP_CONFIG_FILE=os.devnull, PIP_CACHE_DIR=str(cache), PIP_DISABLE_PIP_VERSION_CHECK="1"
    )
    python = folder / "bin" / "python"
    started = time.perf_counter()
    base = os.path.realpath(sys.executable)
    subprocess.run([base, "-m", "venv", str(folder)], check=True, env=environ)
    install = [str(python), "-m", "pip", "install", "--quiet", *REQUIREMENTS.split()]
    subprocess.run(install, check=True, env=environ)
    ready = time.perf_counter() - started
    subprocess.run([python, "-c", IMPORTS], check=True, env=environ)
    return Times(ready, time.perf_counter() - started, ready)


async def measure_headrace(root: Path, cache: Path) -> tuple[Times, float]:
    """Build with :class:`UvBuilder`, import at once; also the seconds of asking a second time."""
    builder = UvBuilder(root, cache=cache, environ=_environ())
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    spec = EnvironmentSpec(version, REQUIREMENTS)
    builder.interpreters()  # a server knows them by the time of its first build

    started = time.perf_counter()
    made = await builder.ready(spec, folder=root, say=lambda _: None)
    ready = time.perf_counter() - started
    importing = await asyncio.create_subprocess_exec(made.python, "-c", IMPORTS, env=_environ())

    async def ended(waiting: Callable[[], Awaitable[object]]) -> float:
        await waiting()
        return time.perf_counter() - started

    imported, compiled = await asyncio.gather(
        ended(importing.wait), ended(builder.finish_compiling)
    )
    if importing.returncode != 0:
        raise RuntimeError("The packages cannot be imported.")
    again = time.perf_counter()
    await builder.ready(spec, folder=root, say=lambda _: None)
    again = time.perf_counter() - again
    await builder.close()
    return Times(ready, imported, compiled), again


def _median(all_times: list[Times]) -> Times:
    return Times(*(median(getattr(t, field.name) for t in all_times) for field in fields(Times)))


def main() -> None:
    """Measure both and print a table."""
    with tempfile.TemporaryDirectory(prefix="headrace-benchmark-") as name:
        place = Path(name)
        measure_pip(place / "pip-0", place / "pip-cache")
        pip = measure_pip(place / "pip-1", place / "pip-cache")
        cold, _ = asyncio.run(measure_headrace(place / "uv-0", place / "uv-cache"))
        runs = [
            asyncio.run(measure_headrace(place / f"uv-{n}", place / "uv-cache"))
            for n in range(1, REPETITIONS + 1)
        ]
    warm = _median([times for times, _ in runs])
    again = median(seconds for _, seconds in runs)

    print(f"Environments: {', '.join(REQUIREMENTS.split())}; seconds and shares of pip's time")
    print(f"{'':44}{'ready':>16}{'first import':>16}{'compiled':>16}")
    for label, times in (
        ("pip, warm cache", pip),
        ("headrace, nothing cached (with downloads)", cold),
        (f"headrace, warm cache, median of {REPETITIONS}", warm),
    ):
        cells = [
            f"{getattr(times, f.name):8.2f} ({getattr(times, f.name) / getattr(pip, f.name):.2f})"
            for f in fields(Times)
        ]
        print(f"{label:44}" + "".join(f"{cell:>16}" for cell in cells))
    label = "a second pipeline with the same requirements"
    print(f"{label:44}{again:>8.5f} ({again / pip.ready:.5f})")


if __name__ == "__main__":
    main()
