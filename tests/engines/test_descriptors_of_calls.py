"""Code that leaves no descriptor free loses nothing of what it returned."""

from __future__ import annotations

from headrace.core.outcomes import Returned

LEAK = """
    import os
    kept = []
    def leak():
        try:
            while True:
                kept.append(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            return error.errno
    def fn():
        with open('made.txt', 'w') as file:
            file.write('made')
        return {'out': leak(), 'file': {'path': 'made.txt'}}
"""
OUTPUTS = {"out": "json", "file": "file"}


async def test_a_result_is_kept_when_no_descriptor_is_left(bench):
    bench.write(LEAK)
    for _ in range(2):
        outcome, log = await bench.run(outputs=OUTPUTS)
        assert isinstance(outcome, Returned), (outcome, log)
        assert outcome.values == {"out": 24}
        assert outcome.files["file"].path.read_text() == "made"


async def test_it_is_kept_in_a_pod_too_which_goes_on(pods):
    pods.write(LEAK)
    await pods.deploy(outputs=OUTPUTS)
    outcome = await pods.submit().ended
    assert isinstance(outcome, Returned), outcome
    assert outcome.values == {"out": 24}
    assert outcome.files["file"].path.read_text() == "made"
    pods.write(LEAK.replace("def fn()", "def other()") + "    def fn(): return {'out': leak()}\n")
    await pods.deploy(generation="small")
    for _ in range(3):
        assert await pods.value() == 24
