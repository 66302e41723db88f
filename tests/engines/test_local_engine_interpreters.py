"""The harness under each interpreter that it supports and this machine has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.pythons import working


@pytest.mark.parametrize("python", working().values(), ids=str)
async def test_every_interpreter_runs_calls_and_reports_failures(bench, python):
    bench.python = python
    bench.write("""
        import asyncio, sys
        async def fn(a: int):
            print('hello')
            return {'out': [a, list(sys.version_info[:2])]}
        def bad():
            raise ValueError('bad')
        def threads():
            import threading
            thread = threading.Thread(target=print, args=('thread',))
            thread.start()
    """)
    value = await bench.value("fn", {"a": 1})
    assert value[0] == 1
    outcome, log = await bench.run("bad")
    assert outcome.message == "ValueError: bad"
    assert log[0].message == "Traceback (most recent call last):"
    assert "headrace_harness" not in "".join(line.message for line in log)
    _, log = await bench.run("threads")
    assert [line.message for line in log] == ["thread"]


async def test_an_interpreter_that_is_too_old_is_named(bench):
    old = sorted(Path(os.path.expanduser("~/.pyenv/versions")).glob("3.[678].*/bin/python"))  # noqa: PTH111 - as above
    for python in old:
        bench.python = python
        bench.write("def fn(): pass")
        outcome, _ = await bench.run()
        assert "Python 3.9 or later is needed, but this is Python 3" in outcome.message
