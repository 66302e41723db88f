"""Which file says what a function needs, and what nothing says."""

from __future__ import annotations

import pytest

from headrace.core.errors import InvalidEnvironment
from headrace.core.requirements import FoundRequirements, find_requirements
from headrace.core.signatures.imports import ForeignImport, foreign_imports, standard_modules
from headrace.core.signatures.source import Source

PROJECT = '[project]\nname = "a"\nrequires-python = ">=3.10"\n'
SCRIPT = "# /// script\n# requires-python = '>=3.12'\n# ///\n"
LINES = {"requirements.txt": "numpy\n"}
LOCKS = {"uv.lock": "", "pylock.toml": ""}


def found(path: str = "src/m.py", code: str = "", **files: str) -> FoundRequirements:
    texts = {path: code, **{name.replace("__", "."): text for name, text in files.items()}}
    return find_requirements(Source(path, texts.get), "3.11")


ORDER: list[tuple[dict[str, str], str, FoundRequirements]] = [
    ({}, "", FoundRequirements(None)),
    (LINES | {"pyproject.toml": PROJECT}, SCRIPT, FoundRequirements("requirements.txt", ">=3.10")),
    (LINES, SCRIPT, FoundRequirements("requirements.txt")),
    ({"pyproject.toml": PROJECT}, SCRIPT, FoundRequirements("src/m.py", ">=3.12")),
    ({"pyproject.toml": PROJECT}, "", FoundRequirements("pyproject.toml", ">=3.10")),
    ({"pyproject.toml": PROJECT} | LOCKS, "", FoundRequirements("uv.lock", ">=3.10")),
    (
        {"pyproject.toml": PROJECT, "pylock.toml": ""},
        "",
        FoundRequirements("pylock.toml", ">=3.10"),
    ),
    (LOCKS, "", FoundRequirements("pylock.toml")),
    ({"uv.lock": ""}, "", FoundRequirements(None)),
    ({"pyproject.toml": "[tool.ruff]\n"}, "", FoundRequirements(None)),
    (
        {"pyproject.toml": '[project]\ndynamic = ["dependencies"]\n'} | LOCKS,
        "",
        FoundRequirements("uv.lock"),
    ),
    (
        {"pyproject.toml": "[project]\nrequires-python = 3\n"},
        "",
        FoundRequirements("pyproject.toml"),
    ),
]


@pytest.mark.parametrize(("files", "code", "expected"), ORDER)
def test_the_first_file_that_says_something_counts(
    files: dict[str, str], code: str, expected: FoundRequirements
) -> None:
    assert (
        find_requirements(Source("src/m.py", {"src/m.py": code, **files}.get), "3.11") == expected
    )


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        ({"pyproject.toml": "[project"}, "", "pyproject.toml cannot be read as TOML"),
        ({"pyproject.toml": "project = 3"}, "", "'project' in pyproject.toml must be a table"),
        ({"pyproject.toml": '[project]\ndynamic = ["dependencies"]'}, "", "are dynamic"),
        ({}, "# /// script\n# a = \n# ///\n", "src/m.py cannot be read as TOML"),
        ({}, "# /// script\n", "src/m.py: the block '# /// script' has no end"),
    ],
)
def test_what_cannot_be_read_is_refused(files: dict[str, str], code: str, said: str) -> None:
    with pytest.raises(InvalidEnvironment) as caught:
        find_requirements(Source("src/m.py", {"src/m.py": code, **files}.get), "3.11")
    assert said in caught.value.message


def test_what_nothing_says_is_named_with_what_to_write() -> None:
    [warning] = found(code="import numpy\nimport os\nfrom sklearn.svm import SVC\n").warnings
    assert "imports numpy (src/m.py, line 1), sklearn (src/m.py, line 3), which" in warning
    assert "such as numpy, scikit-learn." in warning
    assert found(code="import os\n").warnings == ()
    many = "\n".join(f"import package{number}" for number in range(12))
    assert "and 2 more, which" in found(code=many).warnings[0]


CODE = """
from __future__ import annotations
import os.path, numpy as np, tomllib, beside, pkg.deep
import near.far
from . import sibling, nothing
from .. import above
from typing import TYPE_CHECKING
import __craft_internal_execution_context
if TYPE_CHECKING:
    import pandas
try:
    import torch
except ImportError:
    torch = None
try:
    import distutils
finally:
    pass
def fn():
    import scipy.stats
"""
FILES = {
    "src/m.py": CODE,
    "src/beside.py": "import requests, beside\nimport numpy\n",
    "src/sibling.py": "import flask\n",
    "above.py": "import attr\n",
    "pkg/__init__.py": "",
    "pkg/deep.py": "import (",
    "near/far.py": "import scipy\n",
}


def names(python: str) -> list[str]:
    return [one.name for one in foreign_imports(Source("src/m.py", FILES.get), python)]


def test_imports_are_followed_through_the_folder() -> None:
    assert sorted(names("3.11")) == ["attr", "flask", "numpy", "requests", "scipy"]
    first = foreign_imports(Source("src/m.py", FILES.get), "3.11")
    assert ForeignImport("numpy", "src/m.py", 3) in first


def test_what_python_brings_depends_on_its_version() -> None:
    assert set(names("3.9")) - set(names("3.11")) == {"tomllib"}
    assert set(names("3.12")) - set(names("3.11")) == {"distutils"}
    assert "cgi" in standard_modules("3.12")
    assert "cgi" not in standard_modules("3.13")


def test_a_folder_of_very_many_modules_is_not_read_to_its_end() -> None:
    texts = {f"m{number}.py": f"import m{number + 1}\n" for number in range(2000)}
    texts["m1999.py"] = "import numpy\n"
    assert foreign_imports(Source("m0.py", texts.get), "3.11") == []
