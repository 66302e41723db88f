"""Stored folders and environments through a real server: what runs do to them, and what heals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import RunningServer

from headrace import HeadraceSdk, Input, Output, PipelineExecutionFailed

pytestmark = pytest.mark.system

CODE = """
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent


def look():
    return {"out": sorted(path.name for path in HERE.iterdir() if path.suffix != ".pyc")}


def plant(where):
    places = {
        "beside": HERE,
        "environment": Path(sysconfig.get_path("purelib")),
    }
    (places[where] / "planted.py").write_text("x = 1")


def find():
    try:
        import planted
    except ImportError:
        return {"out": "nothing"}
    return {"out": planted.__file__}
"""


@pytest.fixture(scope="module")
def sdk(server: RunningServer) -> Iterator[HeadraceSdk]:
    found = HeadraceSdk(environment_url=server.url, sdk_token=server.token)
    yield found
    found.close()


def create(sdk: HeadraceSdk, folder: Path, name: str, function: str, text: str = CODE) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_text(text)
    sdk.create_pipeline(
        name,
        "main.py",
        function,
        container_config={"local_folder": str(folder)},
        inputs=[Input("where", "string")] if function == "plant" else [],
        outputs=[] if function == "plant" else [Output("out", "json")],
    )


def test_nothing_that_a_run_plants_is_seen_by_another(
    sdk: HeadraceSdk, server: RunningServer, tmp_path: Path
) -> None:
    names = {function: f"clean-{function}" for function in ("plant", "find", "look")}
    for function, name in names.items():
        create(sdk, tmp_path / "code", name, function)
    assert sdk.run_pipeline(names["look"])["outputs"] == {"out": ["main.py"]}
    sdk.run_pipeline(names["plant"], inputs={"where": "beside"})
    with pytest.raises(PipelineExecutionFailed) as failed:
        sdk.run_pipeline(names["plant"], inputs={"where": "environment"})
    lines = sdk.get_pipeline_execution_logs(failed.value.details["execution_id"])
    assert any("shared with other runs" in line["message"] for line in lines)
    assert sdk.run_pipeline(names["find"])["outputs"] == {"out": "nothing"}
    assert sdk.run_pipeline(names["look"])["outputs"] == {"out": ["main.py"]}
    assert not list((server.data_dir / "bundles").rglob("planted.py"))
    assert not list((server.data_dir / "environments").rglob("planted.py"))
    for name in names.values():
        sdk.delete_pipeline(name)


def test_a_stored_folder_that_was_changed_heals_before_the_next_import(
    sdk: HeadraceSdk, server: RunningServer, tmp_path: Path
) -> None:
    text = CODE + "# of this test alone\n"
    create(sdk, tmp_path / "code", "healing", "look", text)
    changed = [
        path
        for path in (server.data_dir / "bundles").glob("*/folder/main.py")
        if path.read_text() == text
    ]
    assert len(changed) == 1
    (changed[0].parent / "planted.py").write_text("x = 1")
    sdk.delete_pipeline("healing")
    create(sdk, tmp_path / "code", "healing", "look", text)
    assert sdk.run_pipeline("healing")["outputs"] == {"out": ["main.py"]}
    (changed[0].parent / "planted.py").write_text("x = 1")
    # Other variables are another template.
    sdk.create_or_update_environment_variable("HEALING", "1")
    assert sdk.run_pipeline("healing")["outputs"] == {"out": ["main.py"]}
    assert not (changed[0].parent / "planted.py").exists()
    sdk.delete_environment_variable("HEALING")
    sdk.delete_pipeline("healing")
