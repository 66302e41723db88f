"""What is wrong with code and what was overlooked is known when the pipeline is created."""

from __future__ import annotations

import warnings

import pytest

from headrace import CREATION_PARAMETER_VALUE, PipelineCreationFailed

pytestmark = pytest.mark.system

NAME = "first-import"


@pytest.fixture
def create(sdk, tmp_path):
    """Returns what creates a pipeline from the text of its module; it is deleted at the end."""

    def made(source, files=(), **config):
        (tmp_path / "main.py").write_text(source)
        for name, text in dict(files).items():
            (tmp_path / name).write_text(text)
        return sdk.create_pipeline(
            NAME, "main.py", "fn", container_config={"local_folder": tmp_path, **config}
        )

    yield made
    if any(found["pipeline_name"] == NAME for found in sdk.list_pipelines()):
        sdk.delete_pipeline(NAME)


def log(sdk):
    return [line["message"] for line in sdk.get_pipeline_logs(NAME)]


FINAL = {
    "import no_such_package_anywhere\ndef fn(): pass": "ModuleNotFoundError: No module named",
    "from json import no_such_name\ndef fn(): pass": "ImportError: cannot import name",
    "x = undefined\ndef fn(): pass": "NameError: name 'undefined' is not defined",
    "import json\njson.nothing\ndef fn(): pass": "AttributeError: module 'json' has no attribute",
    "exec('a b')\ndef fn(): pass": "SyntaxError: invalid syntax",
}


@pytest.mark.parametrize("source", FINAL)
def test_what_only_other_code_can_mend_fails_the_creation(source, create, sdk):
    with pytest.raises(PipelineCreationFailed) as failed:
        create(source)
    assert f"main.py cannot be imported: {FINAL[source]}" in str(failed.value)
    assert "Traceback (most recent call last):" in log(sdk)
    assert any('File "main.py", line ' in line for line in log(sdk))


def test_a_module_that_is_missing_is_told_with_where_it_could_come_from(create):
    with pytest.raises(PipelineCreationFailed, match=r"If pandaz is a package, name it in the req"):
        create("import pandaz.core\ndef fn(): pass")


def test_a_syntax_error_of_a_second_file_is_known_too(create, sdk):
    with pytest.raises(PipelineCreationFailed, match="SyntaxError"):
        create("import second\ndef fn(): pass", {"second.py": "def ("})


NOT_FINAL = {
    "import os\nos.environ['LATE']\ndef fn(): return 1": "KeyError: 'LATE'",
    "open('model.bin')\ndef fn(): return 1": "FileNotFoundError: .*model.bin",
    "raise ValueError('no model')\ndef fn(): return 1": "ValueError: no model",
    "import sys\nsys.exit(3)\ndef fn(): return 1": r"Importing main.py called sys.exit\(3\)",
}


@pytest.mark.parametrize("source", NOT_FINAL)
def test_what_may_be_mended_later_is_a_warning(source, create, sdk):
    with pytest.warns(UserWarning, match=f"main.py cannot be imported: {NOT_FINAL[source]}"):
        made = create(source)
    assert made["creation_info"]["status"] == "ready"
    if "raise" in source:
        assert "Traceback (most recent call last):" in log(sdk)


def test_what_was_mended_meanwhile_runs(create, sdk):
    with pytest.warns(UserWarning, match="KeyError"):
        create("import os\nos.environ['LATE']\ndef fn(): pass")
    sdk.create_or_update_environment_variable("LATE", "1")
    try:
        sdk.run_pipeline(NAME)
    finally:
        sdk.delete_environment_variable("LATE")


def test_the_address_and_a_token_of_the_server_are_there_at_import(create):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        create(
            "import os\n"
            "os.environ['CRAFT_AI_ENVIRONMENT_URL'], os.environ['CRAFT_AI_SDK_TOKEN']\n"
            "def fn(): pass"
        )


def test_a_module_is_imported_once_for_creation_and_first_run(create, sdk, tmp_path):
    marks = tmp_path.parent / "marks"
    marks.mkdir()
    create(f"import tempfile\ntempfile.mkstemp(dir={str(marks)!r})\ndef fn(): pass")
    assert len(list(marks.iterdir())) == 1
    sdk.run_pipeline(NAME)
    assert len(list(marks.iterdir())) == 1


FINE = "def fn(): pass"
REQUIREMENTS = {"requirements.txt": "six==1.17.0\n"}


def test_requirements_that_nobody_named_are_a_warning(create, sdk):
    with pytest.warns(UserWarning, match=r"requirements.txt in the folder is not installed"):
        create(FINE, REQUIREMENTS)
    assert log(sdk)[0].startswith("Warning: requirements.txt in the folder is not installed")
    sdk.delete_pipeline(NAME)
    with pytest.raises(PipelineCreationFailed, match="No module named 'six'"):
        create("import six\n" + FINE, REQUIREMENTS)


@pytest.mark.parametrize("lock", ["uv.lock", "pylock.toml"])
def test_a_lock_that_nobody_named_is_a_warning(create, lock):
    with pytest.warns(UserWarning, match=f"{lock} in the folder is not installed"):
        create(FINE, {lock: "version = 1"})


@pytest.mark.parametrize(
    "config",
    [
        {"requirements_path": "requirements.txt"},
        {"requirements_path": CREATION_PARAMETER_VALUE.NULL},
        {"requirements_path": None},
        {"included_folders": ["main.py"]},
    ],
    ids=str,
)
def test_who_said_what_is_needed_is_not_warned(create, config):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        create(FINE, REQUIREMENTS, **config)


def test_the_projects_requirements_are_used_without_a_warning(create, sdk):
    sdk.update_project_information(requirements_path="requirements.txt")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            create("import six\n" + FINE, REQUIREMENTS)
    finally:
        sdk.update_project_information(requirements_path=None)
