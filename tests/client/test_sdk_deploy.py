"""``sdk.deploy``: functions of files and of sessions, again and again."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from headrace import InputSource
from headrace.core.errors import InvalidCode, InvalidRequest

pytestmark = pytest.mark.system

PACKAGE = """
from deployed_part.numbers import more

STEP = 1


def count(x: float):
    return {"y": more(x) + STEP}
"""


@pytest.fixture
def counting(tmp_path, monkeypatch, sdk):
    """A module of a package in a folder of its own; the pipelines it becomes are deleted."""
    package = tmp_path / "deployed_part"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "numbers.py").write_text("def more(x):\n    return x + 1\n")
    (package / "counting.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield importlib.import_module("deployed_part.counting")
    for name in [one for one in sys.modules if one.partition(".")[0] == "deployed_part"]:
        del sys.modules[name]
    sdk.delete_pipeline("count", force_deployments_deletion=True)


def test_a_function_of_a_package_is_deployed_with_the_folder_it_was_imported_from(
    sdk, counting, tmp_path
):
    made = sdk.deploy(counting.count, endpoint="sdk-count")
    assert (made.name, made.version, made.is_new) == ("count", 1, True)
    assert sdk.trigger_endpoint("sdk-count", made.token, {"x": 1})["outputs"] == {"y": 3}
    assert made.token not in repr(made)
    assert made.token not in made._repr_html_()
    assert f'<a href="{made.url}">' in made._repr_html_()

    again = sdk.deploy(counting.count, endpoint="sdk-count")
    assert (again.version, again.is_new) == (1, False)

    file = Path(counting.__file__)
    file.write_text(f"{file.read_text()}# more\n")
    planned = sdk.deploy(counting.count, dry_run=True)
    assert planned.is_planned
    assert planned.changes == ("~ deployed_part/counting.py",)
    by_text = sdk.deploy("deployed_part/counting.py:count", folder=tmp_path)
    assert (by_text.version, by_text.url, by_text.token) == (2, made.url, made.token)


def test_what_no_update_can_do_and_what_is_no_function_is_refused(sdk, counting):
    sdk.deploy(counting.count)
    with pytest.raises(InvalidCode, match="installed package"):
        sdk.deploy(subprocess.run)
    with pytest.raises(InvalidRequest, match="must be a function or a text"):
        sdk.deploy(3)
    with pytest.raises(InvalidRequest, match="need endpoint or every"):
        sdk.deploy(counting.count, inputs_mapping=[InputSource("x", constant_value=1)])


SESSION = """
import sys
from headrace import HeadraceSdk
LIMIT = 4
def more(x): return x + LIMIT
def from_session(x: float): return {"y": more(x)}
with HeadraceSdk() as sdk:
    made = sdk.deploy(from_session, endpoint="from-session")
    print(made.version, sdk.trigger_endpoint("from-session", made.token, {"x": 1})["outputs"])
    LIMIT = 5
    made = sdk.deploy(from_session, endpoint="from-session")
    print(made.version, sdk.trigger_endpoint("from-session", made.token, {"x": 1})["outputs"])
    print(sdk.deploy(from_session).version)
"""


SCRIPT = """
from headrace import HeadraceSdk
STEP = 2
def from_script(x: float):
    return {"y": x + STEP}
with HeadraceSdk() as sdk:
    print(sdk.deploy(from_script).version)
"""


def test_a_script_deploys_a_function_of_its_own(sdk, server, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"],
        env=server.client_environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    try:
        assert done.stdout == "1\n", done.stderr
        assert sdk.run_pipeline("from_script", {"x": 1})["outputs"] == {"y": 3}
        parameters = sdk.get_pipeline_version("from_script")["parameters"]
        assert parameters["function_path"] == "script.py"
    finally:
        sdk.delete_pipeline("from_script")


def test_a_function_of_a_session_is_deployed_with_what_it_names(sdk, server, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SESSION],
        env=server.client_environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    try:
        assert done.stdout.splitlines() == ["1 {'y': 5}", "2 {'y': 6}", "2"], done.stderr
        language = sdk.get_pipeline_version("from_session")["language"]
        assert language == f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"
    finally:
        sdk.delete_pipeline("from_session", force_deployments_deletion=True)
