"""What a local server gets of a folder: the function that is named, with what the file says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headrace.cli.dev import _Wanted
from headrace.cli.local_deploys import found_job
from headrace.cli.usage import WrongUsage
from headrace.core.deployments import Mode

FILE = """\
[pipelines.first]
function = "a.py:f"
requirements = "more.txt"

[deployments.job]
every = "0 3 * * *"
pipeline = "first"

[deployments.answers]
pipeline = "first"
inputs = {n = "constant:5"}
"""
SECOND = '\n[pipelines.second]\nfunction = "a.py:g"\nfolder = "inner"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inner").mkdir()
    for name in ("a.py", "inner/a.py"):
        (tmp_path / name).write_text("def f(n: int) -> int:\n    return n\n")
    return tmp_path


def wanted(folder: Path, function: str | None, **options: object) -> _Wanted:
    given: dict[str, Any] = dict.fromkeys(_Wanted.__dataclass_fields__)
    given |= {"low_latency": False, "function": function, "folder": folder}
    return _Wanted(**given | options)


def test_without_a_file_it_is_the_function_and_an_endpoint_of_its_name(folder: Path) -> None:
    job = wanted(folder, "a.py:f", low_latency=True, inputs=["n=constant:1"]).check()
    assert (job.order.function, job.order.name) == ("a.py:f", "f")
    (spec,) = job.specs
    assert (spec.wish.name, spec.wish.mode) == ("f", Mode.LOW_LATENCY)
    assert spec.inputs == ("n=constant:1",)


@pytest.mark.parametrize("function", [None, "first", "a.py:f"])
def test_with_a_file_it_is_what_the_file_says(folder: Path, function: str | None) -> None:
    (folder / "headrace.toml").write_text(FILE)
    job = wanted(folder, function, outputs=["result=null"]).check()
    assert (job.order.name, job.order.requirements) == ("first", "more.txt")
    (spec,) = job.specs
    assert (spec.wish.name, spec.inputs, spec.outputs) == (
        "answers",
        ("n=constant:5",),
        ("result=null",),
    )
    assert "headrace.toml" in spec.where[0]
    assert spec.where[1] == "--output"


def test_a_function_that_the_file_does_not_have_is_taken_as_it_is(folder: Path) -> None:
    (folder / "headrace.toml").write_text(FILE)
    assert found_job("inner/a.py:f", folder).order.requirements is None


def test_a_folder_of_the_file_is_the_folder(folder: Path) -> None:
    (folder / "headrace.toml").write_text(FILE + SECOND)
    assert found_job("second", folder).order.folder == folder / "inner"


@pytest.mark.parametrize(
    ("file", "function", "said"),
    [
        ("", None, "it is missing"),
        ("", "f", "names no function"),
        ("", "b.py:f", "'b.py' is not in"),
        (FILE + SECOND, None, "it is missing"),
        (FILE, "third", "has no pipeline 'third'; it has first"),
        (FILE + "\n[other]\n", "a.py:f", "'other' is not known"),
    ],
)
def test_what_cannot_be_found_is_said(
    folder: Path, file: str, function: str | None, said: str
) -> None:
    if file:
        (folder / "headrace.toml").write_text(file)
    with pytest.raises(WrongUsage, match=said):
        found_job(function, folder)
