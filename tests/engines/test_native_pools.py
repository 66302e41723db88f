"""Pools of native threads that user code has started when its template forks."""

from __future__ import annotations

import asyncio

import pytest


@pytest.fixture
def science(bench, science_python):
    bench.python = science_python
    return bench


# A parallel region of each runtime, in C alone: GNU's entry is in the others as well.
REGIONS = """
import ctypes, glob, os, sys
template = os.getpid()
libc = ctypes.CDLL(None)
patterns = {patterns!r}
runtimes = [ctypes.CDLL(glob.glob(sys.prefix + '/lib/' + pattern)[0]) for pattern in patterns]

def threads():
    return len(os.listdir('/proc/self/task'))

def regions():
    before = threads()
    for runtime in runtimes:
        runtime.GOMP_parallel(ctypes.cast(libc.free, ctypes.c_void_p), None, 3, 0)
    return [before, threads()]

at_import = regions()

def fn():
    return {{'out': [at_import, regions(), os.getppid() == template]}}
"""
GNU = "python3*/site-packages/scikit_learn.libs/libgomp-*"
LLVM = "libiomp5.so"


@pytest.mark.parametrize("patterns", [[GNU], [LLVM], [GNU, LLVM]])
async def test_pools_of_openmp_end_before_a_fork_and_begin_again_in_it(science, patterns):
    science.write(REGIONS.format(patterns=patterns))
    more = 2 * len(patterns)
    for _ in range(3):
        outcomes = await asyncio.gather(*(science.value(timeout_s=30) for _ in range(2)))
        assert outcomes == [[[1, 1 + more], [1, 1 + more], True]] * 2


async def test_models_that_were_fitted_at_import_predict_in_forks(science):
    science.write("""
        import os
        import numpy as np
        import xgboost
        from sklearn.cluster import KMeans
        from sklearn.ensemble import HistGradientBoostingClassifier
        template = os.getpid()
        x = np.random.default_rng(0).normal(size=(500, 5))
        y = (x[:, 0] > 0).astype(int)
        boosting = HistGradientBoostingClassifier(max_iter=3).fit(x, y)
        trees = xgboost.XGBClassifier(n_estimators=3).fit(x, y)
        means = KMeans(2, n_init=1, random_state=0).fit(x)
        models = [boosting, trees, means]
        seen = [model.predict(x).tolist() for model in models]
        def fn():
            again = [model.predict(x).tolist() for model in models]
            return {'out': [again == seen, os.getppid() == template]}
    """)
    for _ in range(3):
        assert await science.value(timeout_s=60) == [True, True]


async def test_a_pool_that_nobody_can_end_is_imported_anew_and_the_log_says_so(bench):
    bench.write("""
        import ctypes, os
        libc = ctypes.CDLL(None)
        for _ in range(2):
            libc.pthread_create(ctypes.byref(ctypes.c_ulong()), None, libc.pause, None)
        imported_in = os.getpid()
        def fn(): return {'out': imported_in == os.getpid()}
    """)
    call = bench.call(outputs={"out": "json"})
    assert (await bench.engine.run(call)).values["out"] is True
    (line,) = bench.log(call)
    assert line.message.startswith("src/f.py started 2 native threads at import (")
    assert line.message.endswith(
        "so it cannot be forked; this execution imports it anew in a fresh process"
    )


GEVENT = """
from gevent import monkey

monkey.patch_all()

import gevent, threading, time

def fn(n):
    found = []
    thread = threading.Thread(target=lambda: (time.sleep(0.01), found.append(n)))
    thread.start()
    gevent.sleep(0)
    thread.join()
    print('slept')
    return {'out': found}

async def later(n):
    return {'out': [n]}
"""


@pytest.mark.parametrize("function", ["fn", "later"])
async def test_gevent_may_patch_everything_in_elastic_calls(science, function):
    science.write(GEVENT)
    for n in range(3):
        assert await science.value(function, {"n": n}, timeout_s=20) == [n]


@pytest.mark.parametrize(
    ("function", "max_parallel"), [("fn", None), ("fn", 2), ("later", None), ("later", 2)]
)
async def test_gevent_may_patch_everything_in_pods(pods, science_python, function, max_parallel):
    pods.python = science_python
    pods.write(GEVENT)
    await pods.deploy(function, max_parallel=max_parallel)
    assert [await pods.value({"n": n}) for n in range(3)] == [[0], [1], [2]]
    found = await asyncio.gather(*(pods.value({"n": n}) for n in range(6)))
    assert found == [[n] for n in range(6)]
