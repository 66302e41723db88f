"""A builder in a folder of its own, and local packages that need no network."""

from __future__ import annotations

import asyncio
import os
import textwrap
import time
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from headrace.core.environments import EnvironmentSpec
from headrace.environments.uv import UvBuilder

OFFLINE = "--no-index\n--find-links ./wheels\n"


class Workshop:
    """A pipeline's folder, and what tests put into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()

    def spec(self, requirements: str, python: str = "3.11") -> EnvironmentSpec:
        return EnvironmentSpec(python, requirements, folder_digest="test")

    def wheel(self, name: str, version: str = "1.0", source: str = "") -> str:
        """Put a wheel into ``wheels/`` and return requirements that install it from there."""
        wheels = self.folder / "wheels"
        wheels.mkdir(exist_ok=True)
        info = f"{name}-{version}.dist-info"
        with zipfile.ZipFile(wheels / f"{name}-{version}-py3-none-any.whl", "w") as archive:
            archive.writestr(f"{name}.py", source or f"VERSION = {version!r}\n")
            archive.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            )
            archive.writestr(
                f"{info}/WHEEL",
                "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            )
            archive.writestr(f"{info}/RECORD", "")
        return f"{OFFLINE}{name}=={version}\n"

    def source_package(self, name: str, on_build: str = "", module: str = "") -> str:
        """Put a package into the folder whose build runs ``on_build``; return requirements."""
        package = self.folder / name
        package.mkdir(exist_ok=True)
        (package / "pyproject.toml").write_text(
            f'[project]\nname = "{name}"\nversion = "1.0"\n'
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        )
        (package / "module.txt").write_text(module)
        (package / "backend.py").write_text(
            textwrap.dedent(_BACKEND).replace("NAME", name) + textwrap.dedent(on_build)
        )
        return f"--no-index\n./{name}\n"

    def slow_package(self, name: str = "slow") -> tuple[str, Path, Path]:
        """Return requirements whose build lasts as long as a file exists.

        Also the file, and one that the build writes its process id to when it has begun.
        """
        hold, begun = self.folder.parent / f"{name}.hold", self.folder.parent / f"{name}.begun"
        hold.touch()
        requirements = self.source_package(
            name,
            f"""
            from pathlib import Path
            import time
            Path({str(begun) + ".new"!r}).write_text(str(os.getpid()))
            os.rename({str(begun) + ".new"!r}, {str(begun)!r})
            while os.path.exists({str(hold)!r}):
                time.sleep(0.02)
            """,
        )
        return requirements, hold, begun


_BACKEND = """
    import os, sys, zipfile

    def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
        name = "NAME-1.0-py3-none-any.whl"
        info = "NAME-1.0.dist-info"
        with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as archive:
            archive.writestr("NAME.py", open("module.txt").read())
            archive.writestr(
                info + "/METADATA", "Metadata-Version: 2.1\\nName: NAME\\nVersion: 1.0\\n"
            )
            archive.writestr(
                info + "/WHEEL",
                "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
            )
            archive.writestr(info + "/RECORD", "")
        return name

    def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
        raise RuntimeError("nothing is installed as editable")

"""


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "pipeline")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "environments"


@pytest.fixture
async def builder(root: Path, tmp_path: Path) -> AsyncIterator[UvBuilder]:
    made = UvBuilder(root, cache=tmp_path / "uv-cache")
    yield made
    await made.close()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], object]:
    """Wait for a condition, for half a minute at most."""

    async def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "the condition was not met in time"
            await asyncio.sleep(0.01)

    return wait


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


@pytest.fixture
def alive() -> Callable[[int], bool]:
    return is_alive
