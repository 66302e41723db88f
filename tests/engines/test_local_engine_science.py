"""Scientific libraries in forked processes: results, native pools, random numbers."""

from __future__ import annotations

import asyncio
import re

import pytest


@pytest.fixture
def science(bench, science_python):
    bench.python = science_python
    return bench


async def test_scikit_learn_computes_in_forks_many_times(science):
    science.write("""
        import os
        import numpy as np
        from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
        template = os.getpid()
        x = np.random.default_rng(0).normal(size=(300, 5))
        y = (x[:, 0] > 0).astype(int)
        warm = (np.ones((600, 600)) @ np.ones((600, 600))).sum()
        def fn():
            product = (np.ones((600, 600)) @ np.ones((600, 600))).sum()
            boosting = HistGradientBoostingClassifier(max_iter=5).fit(x, y).score(x, y)
            forest = RandomForestClassifier(8, n_jobs=2).fit(x, y).score(x, y)
            return {'out': [product == warm, boosting > .9, forest > .9, os.getppid() == template]}
    """)
    rounds = [await asyncio.gather(*(science.value() for _ in range(4))) for _ in range(4)]
    assert rounds == [[[True, True, True, True]] * 4] * 4


async def test_numpy_draws_differ_between_calls_unless_the_module_seeds_it(science):
    science.write("from numpy import random\ndef fn(): return {'out': random.random()}")
    assert len({await science.value() for _ in range(3)}) == 3
    science.write(
        "import numpy as np\nnp.random.seed(1)\ndef fn(): return {'out': np.random.random()}"
    )
    assert {await science.value() for _ in range(3)} == {0.417022004702574}


async def test_objects_of_numpy_and_pandas_become_json_by_the_declared_type(science):
    science.write("""
        import decimal
        import numpy as np
        import pandas as pd
        frame = pd.DataFrame({'a': [1, 2], 'b': [0.5, np.nan]})
        series = pd.Series([1, 2], index=['x', 'y'])
        times = pd.to_datetime(['2024-01-02'])
        def numbers(): return {'a': np.int64(3), 'b': np.array(1.5), 'c': pd.NA,
                               'd': np.longdouble(2), 'e': np.float32(0.5)}
        def others(): return {'a': np.bool_(True), 'b': np.str_('x'), 'c': times[0], 'd': pd.NaT}
        def arrays(): return {'a': np.eye(2), 'b': series, 'c': frame, 'd': times,
                              'e': np.array(['2024-01-02'], dtype='datetime64[ns]')}
        def objects(): return {'a': frame, 'b': series, 'c': {np.int64(1): np.array([np.nan])},
                               'd': {times[0]: frame}, 'e': np.float64('nan')}
        def bad(): return {'a': np.array([1]), 'b': np.int64(1), 'c': np.array([np.inf])}
    """)
    number = dict.fromkeys("abcde", "number")
    other = {"a": "boolean", "b": "string", "c": "string", "d": "string"}
    expected = [
        ("numbers", number, {"a": 3, "b": 1.5, "c": None, "d": 2, "e": 0.5}),
        ("others", other, {"a": True, "b": "x", "c": "2024-01-02T00:00:00", "d": None}),
        (
            "arrays",
            dict.fromkeys("abcde", "array"),
            {
                "a": [[1, 0], [0, 1]],
                "b": [1, 2],
                "c": [{"a": 1, "b": 0.5}, {"a": 2, "b": None}],
                "d": ["2024-01-02T00:00:00"],
                "e": ["2024-01-02T00:00:00"],
            },
        ),
        (
            "objects",
            dict.fromkeys("abcde", "json"),
            {
                "a": {"a": [1, 2], "b": [0.5, None]},
                "b": {"x": 1, "y": 2},
                "c": {"1": [None]},
                "d": {"2024-01-02T00:00:00": {"a": [1, 2], "b": [0.5, None]}},
                "e": None,
            },
        ),
    ]
    for function, outputs, values in expected:
        outcome, log = await science.run(function, outputs=outputs)
        assert getattr(outcome, "values", (outcome, log)) == values
    outcome, _ = await science.run("bad", outputs={"a": "number", "b": "boolean", "c": "array"})
    assert "'a' must be a number, but is a ndarray of shape (1,)" in outcome.message
    assert "'b' must be a boolean, but is an int64" in outcome.message
    assert "'c' holds an infinite number" in outcome.message


async def test_equal_labels_are_refused_by_name_and_nothing_is_dropped(science):
    science.write("""
        import numpy as np
        import pandas as pd
        left = pd.DataFrame({'id': [1, 2], 'price': [10, 20]})
        twice = pd.concat([left, left], axis=1)
        stacked = pd.concat([left.set_index('id')['price']] * 2)
        levels = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([('a', 'x')] * 2))
        def tables(): return {'a': twice, 'b': twice, 'c': [twice], 'd': {'in': {'side': twice}}}
        def rows(): return {'a': stacked, 'b': pd.Series([1, 2], [np.nan, np.nan]),
                            'c': pd.Series([1, 2], pd.to_datetime(['2024-01-02'] * 2)),
                            'd': pd.Series([1, 2], [1, '1'])}
        def others(): return {'a': levels, 'b': pd.DataFrame([[1, 2]], columns=[1, '1'])}
        fields = np.array([(1, 2.0)], dtype=[('x', int), ('y', float)])
        def kept(): return {'a': stacked, 'b': fields, 'c': left,
                            'd': pd.DataFrame({'a': [1, 2]}, index=[7, 7])}
    """)
    columns = "holds equal column names, of which all but one would be lost: id, price; rename"
    labels = "holds equal index labels, of which all but one would be lost: "
    expected = [
        (
            "tables",
            dict(zip("abcd", ["json", "array", "json", "json"], strict=True)),
            [columns] * 4,
        ),
        (
            "rows",
            dict.fromkeys("abcd", "json"),
            [
                f"{labels}1, 2; reset the index",
                f"{labels}nan",
                f"{labels}2024-01-02 00:00:00",
                "the keys 1 and '1'",
            ],
        ),
        ("others", dict.fromkeys("ab", "json"), ["equal column names", "the keys 1 and '1'"]),
    ]
    for function, outputs, messages in expected:
        failure, _ = await science.run(function, outputs=outputs)
        assert failure.kind == "bad_output"
        for name, message in zip(outputs, messages, strict=True):
            assert re.search(f"output '{name}' [^;]*{re.escape(message)}", failure.message), (
                name,
                failure.message,
            )
    outputs = dict(zip("abcd", ["array", "json", "array", "json"], strict=True))
    kept, _ = await science.run("kept", outputs=outputs)
    assert kept.values == {
        "a": [10, 20, 10, 20],
        "b": [[1, 2.0]],
        "c": [{"id": 1, "price": 10}, {"id": 2, "price": 20}],
        "d": {"a": [1, 2]},
    }
