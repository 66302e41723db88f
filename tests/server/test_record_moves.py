"""``headrace migrate``: a server with all of its history goes on with its records in PostgreSQL."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import func, insert, select, true
from tests.conftest import HEADRACE, RunningServer, clean_environ, wait_until
from tests.postgres import Postgres
from tests.records import changing

from headrace import HeadraceSdk, Input, InputSource, Output, OutputDestination
from headrace.store.tables import executions, metadata, settings

pytestmark = [pytest.mark.system, pytest.mark.once]

CODE = """\
def add(a, b):
    return {"sum": a + b}
"""


def migrate(data_dir: Path, url: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HEADRACE, "migrate", "--from", data_dir, "--to", url, *more],
        env=clean_environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.fixture
def filled(own_server: Callable[..., RunningServer], tmp_path: Path) -> RunningServer:
    """A server that did some of everything, and was stopped."""
    server = own_server()
    (tmp_path / "main.py").write_text(CODE)
    with HeadraceSdk(server.token, server.url) as sdk:
        sdk.create_or_update_environment_variable("KEPT", "a secret")
        sdk.create_pipeline(
            "add",
            "main.py",
            "add",
            container_config={"local_folder": str(tmp_path), "included_folders": ["main.py"]},
            inputs=[Input("a", "number"), Input("b", "number")],
            outputs=[Output("sum", "number")],
        )
        sdk.create_deployment(
            "add",
            "adder",
            "endpoint",
            mode="low_latency",
            inputs_mapping=[
                InputSource("a", endpoint_input_name="a"),
                InputSource("b", constant_value=2),
            ],
            outputs_mapping=[OutputDestination("sum", endpoint_output_name="sum")],
        )
        sdk.create_deployment(
            "add",
            "yearly",
            "periodic",
            schedule="0 0 1 1 *",
            inputs_mapping=[InputSource(name, constant_value=1) for name in ("a", "b")],
            outputs_mapping=[OutputDestination("sum", is_null=True)],
        )
        assert sdk.run_pipeline("add", inputs={"a": 1, "b": 5})["outputs"] == {"sum": 6}
    assert called(server) == 3
    assert server.stop() == 0
    return server


def called(server: RunningServer) -> object:
    with HeadraceSdk(server.token, server.url) as sdk:
        token = sdk.get_deployment("adder")["endpoint_token"]
        wait_until(lambda: sdk.get_deployment("adder")["status"] == "up", what="its pod is up")
    answer = httpx.post(
        f"{server.url}/endpoints/adder",
        json={"a": 1},
        headers={"Authorization": f"EndpointToken {token}"},
        trust_env=False,
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["outputs"]["sum"]


def refused(*command: object) -> str:
    """Return what a command says that is refused."""
    done = subprocess.run(
        [HEADRACE, *map(str, command)],
        env=clean_environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "secret-word" not in done.stderr
    return done.stderr


def counts(records: Path | str) -> dict[str, int]:
    """Return how many rows each table has, without what only one of two databases has."""
    apart = settings.c.key.in_(["server_mark", "moved_to"])
    with changing(records) as connection:
        return {
            table.name: connection.scalar(
                select(func.count())
                .select_from(table)
                .where(~apart if table is settings else true())
            )
            or 0
            for table in metadata.sorted_tables
        }


def add_executions(records: Path, count: int) -> None:
    with changing(records) as connection:
        row = dict(connection.execute(select(executions).limit(1)).mappings().one())
        connection.execute(
            insert(executions), [row | {"id": f"0{number:07}"} for number in range(count)]
        )


@pytest.mark.timeout(300)
def test_a_server_goes_on_with_all_that_it_had_whenever_the_move_was_killed(
    filled: RunningServer, postgres: Postgres, tmp_path: Path
) -> None:
    place = postgres.new_database()
    add_executions(filled.data_dir / "headrace.db", 20_000)
    for after_s in (0.6, 0.9, 1.2, 1.5):
        with subprocess.Popen(
            [HEADRACE, "migrate", "--from", filled.data_dir, "--to", place.url],
            env=clean_environ(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            time.sleep(after_s)
            process.kill()
    done = migrate(filled.data_dir, place.url)
    # One of them may have come to its end in time.
    assert done.returncode == 0 or "were moved to" in done.stderr
    there = counts(place.url)
    assert there == counts(filled.data_dir / "headrace.db")
    assert there["executions"] == 20_002

    # The file is not used any more, by nobody who does not know.
    for command in ("serve", "check"):
        said = refused(command, "--data-dir", filled.data_dir, "--port", "0")
        assert f"were moved to {place}: name that database" in said
    filled.environ["HEADRACE_DATABASE"] = place.url
    filled.start()
    assert called(filled) == 3
    with HeadraceSdk(filled.token, filled.url) as sdk:
        assert len(sdk.list_pipeline_executions("add")) >= 3
        assert sdk.run_pipeline("add", inputs={"a": 2, "b": 5})["outputs"] == {"sum": 7}
        variables = sdk.list_environment_variables()
        assert ("KEPT", "a secret") in {(each["name"], each["value"]) for each in variables}


def test_what_cannot_be_moved_is_said(
    own_server: Callable[..., RunningServer], postgres: Postgres, tmp_path: Path
) -> None:
    server = own_server()
    place = postgres.migrated()
    assert "A server runs on the data directory" in refused(
        "migrate", "--from", server.data_dir, "--to", place.url
    )
    assert server.stop() == 0
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("INSERT INTO users VALUES ('x', 'x', 'x', 1)")
    assert f"{place} has records already, and others" in refused(
        "migrate", "--from", server.data_dir, "--to", place.url
    )
    assert "No server ever ran on" in refused(
        "migrate", "--from", tmp_path / "nowhere", "--to", place.url
    )
    assert "cannot be used" in refused(
        *("migrate", "--from", server.data_dir),
        *("--to", "postgresql://me:secret-word@127.0.0.1:1/x"),
    )
    assert server.start().url
