"""Variables that an earlier version took, and that may not be set any more."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.records import database_at

from headrace.control.sealing import load_keys
from headrace.control.variables import Variables
from headrace.core.scopes import SERVER
from headrace.store import variables as rows


async def test_they_are_left_out_with_a_word_in_the_log_and_can_be_deleted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "headrace.db"
    database = database_at(path)
    keys = load_keys(tmp_path / "master.key")
    variables = Variables(database, keys)
    sealed = keys.seal("/tmp/evil.so")  # noqa: S108 - a value, nothing is written there
    await database.write(rows.put_variables, {"LD_PRELOAD": sealed}, 1)
    await variables.put(SERVER, {"KEPT": "1"})
    assert await variables.current() == {"KEPT": "1"}
    assert "LD_PRELOAD is ignored, and can be deleted" in caplog.text
    assert "evil" not in caplog.text
    assert await variables.delete(SERVER, "LD_PRELOAD") == "/tmp/evil.so"  # noqa: S108
    caplog.clear()
    assert await variables.current() == {"KEPT": "1"}
    assert caplog.text == ""
    database.close()
