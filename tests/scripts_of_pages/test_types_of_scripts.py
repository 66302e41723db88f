"""The scripts of pages are checked as TypeScript checks JavaScript."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from tests.axios_module import FOLDER, NODE

HERE = Path(__file__).parent
COMPILER = FOLDER / "node_modules/typescript/bin/tsc"
PAGES = {"console": "src/headrace/console/assets", "endpoint": "src/headrace/endpoints/pages"}


def problems(settings: Path) -> str:
    """What the compiler says."""
    if not COMPILER.exists():
        pytest.fail("These tests need typescript: run scripts/setup_tests.sh.")
    done = subprocess.run(
        [NODE / "node", COMPILER, "--pretty", "false", "-p", settings],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("page", sorted(PAGES))
def test_the_types_of_scripts_are_right(page: str) -> None:
    assert list((FOLDER / PAGES[page]).glob("*.js"))
    assert problems(HERE / f"tsconfig.{page}.json") == ""


def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    (tmp_path / "wrong.js").write_text(
        "class Wrong extends HTMLElement {\n  start() { this.strat(); }\n}\nexport { Wrong };\n"
    )
    settings = json.loads((HERE / "tsconfig.console.json").read_text())
    (tmp_path / "tsconfig.json").write_text(json.dumps(settings | {"include": ["*.js"]}))
    found = problems(tmp_path / "tsconfig.json")
    assert len(re.findall(r"error TS\d+", found)) == 1
    assert "strat" in found
