"""What the code of a folder says of itself, read in processes of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from headrace.bundles.code_reader import MAX_BYTES
from headrace.bundles.code_reading import CodeReading

PROJECT: dict[str, Any] = {"language": "python:3.11-slim", "requirements_path": None}


def read(folder: Path, function: str = "") -> dict[str, Any]:
    pythons = ["3.11", "3.12"]
    return asyncio.run(CodeReading().read(folder, function, pythons=pythons, project=PROJECT))


def test_the_likeliest_function_is_read_with_its_needs(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("def fixture(): ...\n")
    (tmp_path / "aside.py").write_text("def first(): ...\n")
    (tmp_path / "model.py").write_text(
        'def _own(): ...\ndef predict(x: int = 3) -> str:\n    """Say it."""\n'
    )
    (tmp_path / "requirements-dev.txt").write_text("pytest\n")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.12"\n'
    )
    found = read(tmp_path)
    assert (found["function_path"], found["function_name"]) == ("model.py", "predict")
    assert found["inputs"] == [
        {
            "name": "x",
            "data_type": "number",
            "description": None,
            "is_required": False,
            "default_value": 3,
        }
    ]
    assert [item["data_type"] for item in found["outputs"]] == ["string"]
    assert (found["description"], found["calling"]) == ("Say it.", "typed")
    assert (found["requirements_path"], found["language"]) == ("pyproject.toml", "python:3.12-slim")
    assert found["requirements_files"] == ["pyproject.toml", "requirements-dev.txt"]
    assert set(found["functions"]) == {
        "aside.py:first",
        "conftest.py:fixture",
        "model.py:_own",
        "model.py:predict",
    }


def test_what_is_not_understood_is_said(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("def f(*rest, **more): ...\n")
    problems = read(tmp_path)["problems"]
    assert len(problems) == 2
    assert read(tmp_path, "model.py:g")["problems"] == [
        "model.py has no function 'g'; it defines: f."
    ]
    assert read(tmp_path, "none.py:g")["problems"] == ["There is no file none.py in the folder."]
    assert "function_path" in read(tmp_path, "no colon")


def test_code_is_read_and_never_run(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(
        "import pathlib\n"
        "pathlib.Path(__file__).with_name('ran').touch()\n"
        "def f(x=pathlib.Path('/tmp')): ...\n"
    )
    (tmp_path / "json.py").write_text("raise SystemExit(3)\n")
    assert read(tmp_path, "model.py:f")["inputs"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "-" * 150_000 + "1\n",
        "x = " + "(" * 5_000 + ")" * 5_000 + "\n",
        "x = " + "1" * 6_000 + "\n",
        "def f(x" + "=a" + ".b" * 100_000 + "): ...\n",
        "\0",
        "# coding: none-such\n",
        "#" + "x" * MAX_BYTES + "\n",
    ],
    ids=["signs", "brackets", "digits", "dots", "nul", "coding", "size"],
)
def test_code_that_breaks_a_parser_breaks_no_server(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.py").write_text(text)
    found = read(tmp_path, "model.py:f")
    assert found["problems"], found


def test_nothing_outside_of_the_folder_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (tmp_path / "secret.py").write_text("def f(hidden): ...\n")
    assert read(folder, "../secret.py:f")["problems"] == [
        "There is no file ../secret.py in the folder."
    ]
