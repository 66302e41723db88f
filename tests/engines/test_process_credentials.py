"""What a process of user code is known by: from before its import until nothing of it is left."""

from __future__ import annotations

import signal

import pytest
from tests.engines.conftest import Bench
from tests.engines.pod_bench import PodBench

from headrace.core.credentials import Credential, Holder
from headrace.core.outcomes import Failure
from headrace.engines.local import LocalEngine

SOURCE = """
    import os
    at_import = os.environ.get("WHO"), os.environ.get("CRAFT_AI_EXECUTION_ID")

    def fn():
        return {"out": [*at_import, os.environ["WHO"], os.environ["CRAFT_AI_EXECUTION_ID"]]}
"""


class Register:
    """Gives credentials, and says which are good."""

    def __init__(self) -> None:
        self.holders: list[Holder] = []
        self.good: dict[int, Credential] = {}
        self.most_served = 0

    def issue(self, holder: Holder) -> Credential:
        number = len(self.holders)

        def revoke() -> None:
            del self.good[number]

        credential = Credential({"WHO": f"process {number}"}, revoke)
        self.holders.append(holder)
        self.good[number] = credential
        return credential


@pytest.fixture
def register(bench: Bench) -> Register:
    made = Register()
    bench.engine = LocalEngine(bench.settings, bench, made.issue)
    return made


async def test_a_template_has_a_credential_of_its_own_that_its_calls_share(
    bench: Bench, register: Register
) -> None:
    bench.write(SOURCE)
    for number in (1, 2):
        assert await bench.value() == ["process 0", None, "process 0", f"execution-{number}"]
    assert len(register.holders) == 1
    assert [credential.serving for credential in register.good.values()] == [0]


async def test_it_serves_while_a_call_runs(bench: Bench, register: Register) -> None:
    go = bench.root / "go"
    bench.write(f"""
        import pathlib, time
        def fn():
            pathlib.Path({str(go)!r} + ".began").touch()
            while not pathlib.Path({str(go)!r}).exists():
                time.sleep(0.01)
    """)
    import asyncio

    running = asyncio.create_task(bench.run())
    await bench.until((bench.root / "go.began").exists)
    assert [credential.serving for credential in register.good.values()] == [1]
    go.touch()
    await running
    assert [credential.serving for credential in register.good.values()] == [0]


async def test_it_ends_with_the_template(bench: Bench, register: Register) -> None:
    bench.write(SOURCE)
    await bench.run()
    (template,) = bench.templates()
    template.send_signal(signal.SIGKILL)
    await bench.until(lambda: not register.good)
    assert (await bench.value())[0] == "process 1"
    await bench.engine.close()
    assert not register.good


async def test_an_import_that_fails_leaves_none(bench: Bench, register: Register) -> None:
    bench.write("raise LookupError('no')")
    outcome, _ = await bench.run()
    assert isinstance(outcome, Failure)
    assert len(register.holders) == 1
    assert not register.good


async def test_an_interpreter_that_cannot_be_started_leaves_none(
    bench: Bench, register: Register
) -> None:
    bench.write(SOURCE)
    bench.python = bench.root / "no-python"
    outcome, _ = await bench.run()
    assert isinstance(outcome, Failure)
    assert not register.good


async def test_templates_are_not_shared_between_owners(bench: Bench, register: Register) -> None:
    from dataclasses import replace

    bench.write(SOURCE)
    for owner in ("one", "other", "one"):
        call = bench.call(outputs={"out": "json"})
        await bench.engine.run(replace(call, code=replace(call.code, owner=owner)))
    assert [holder.owner for holder in register.holders] == ["one", "other"]


async def test_each_pod_has_its_own_and_serves_once_it_is_up(pods: PodBench) -> None:
    pods.write("def fn():\n    return {'out': 1}")
    await pods.deploy(count=2)
    assert [credential.serving for credential in pods.issued] == [1, 1]
    assert pods.revoked == []
    await pods.deploy(count=2, generation="another")
    await pods.until(lambda: len(pods.revoked) == 2)
    assert pods.revoked[0] in pods.issued[:2]
    await pods.engine.close()
    assert len(pods.revoked) == len(pods.issued) == 4


async def test_a_pod_that_cannot_start_leaves_none(pods: PodBench) -> None:
    pods.write("raise LookupError('no')")
    await pods.refused()
    assert [credential.serving for credential in pods.issued] == [0]
    assert pods.revoked == pods.issued
