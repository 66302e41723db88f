"""axios for node, from the npm registry: installed once into the checkout for all test runs."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

NODE = Path(sys.executable).parent
FOLDER = Path(__file__).resolve().parents[1] / ".cache" / "axios"


def axios_folder() -> Path:
    """Return a folder in which node finds axios."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (FOLDER / "node_modules" / "axios" / "package.json").exists():
            needs = '{"private": true, "dependencies": {"axios": "^1"}}'
            (FOLDER / "package.json").write_text(needs)
            environ = {**os.environ, "PATH": f"{NODE}{os.pathsep}{os.environ['PATH']}"}
            subprocess.run(
                [NODE / "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"],
                cwd=FOLDER,
                env=environ,
                check=True,
                capture_output=True,
            )
    return FOLDER
