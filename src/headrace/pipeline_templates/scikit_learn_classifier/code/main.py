"""Trains a classifier on a table, and predicts the classes of rows."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

FOLDS = 3


@dataclass
class Model:
    """A trained model and how it came to be."""

    pipeline: Any
    columns: list[str]
    report: dict[str, Any]
    content: bytes


_trained: dict[tuple[Any, ...], Model] = {}
"""The last model of this process by what it was trained on: pods answer many calls."""


def classify(
    rows: Sequence[Any] | None = None,
    training_data: Mapping[str, str] | None = None,
    target: str | None = "species",
    model: Mapping[str, str] | None = None,
    trees: float | None = 100,
) -> dict[str, Any]:
    """Return the classes of rows, a report on the model, and the model."""
    # A model is code: give one that this pipeline has made, from a place that you trust.
    chosen = (
        _loaded(model) if model else _fitted(training_data, target or "species", int(trees or 100))
    )
    Path("model.joblib").write_bytes(chosen.content)
    return {
        "predictions": _predictions(chosen, rows or []),
        "report": chosen.report,
        "trained_model": {"path": "model.joblib"},
    }


def _loaded(file: Mapping[str, str]) -> Model:
    content = Path(file["path"]).read_bytes()
    try:
        pipeline, columns, report = joblib.load(io.BytesIO(content))
    except Exception as error:
        raise ValueError(f"model is none that this pipeline has made: {error}") from error
    return Model(pipeline, columns, report, content)


def _fitted(file: Mapping[str, str] | None, target: str, trees: int) -> Model:
    content = Path(file["path"]).read_bytes() if file else b""
    key = (hashlib.sha256(content).digest(), target, trees)
    if key not in _trained:
        table = _table(Path(file["path"])) if file else _iris(target)
        fitted = _fit(table, target, trees)
        _trained.clear()
        _trained[key] = fitted
    return _trained[key]


def _fit(table: list[dict[str, Any]], target: str, trees: int) -> Model:
    if not table or target not in table[0]:
        has = ", ".join(table[0]) if table else "none"
        raise ValueError(f"target {target!r} is no column of the training data; it has {has}.")
    known = [row for row in table if row[target] not in {"", None}]
    classes = [str(row[target]) for row in known]
    features = [{name: cell for name, cell in row.items() if name != target} for row in known]
    least = min(Counter(classes).values(), default=0)
    if len(set(classes)) < 2:
        raise ValueError(
            f"target {target!r} has fewer than two classes: there is nothing to learn."
        )
    forest = RandomForestClassifier(n_estimators=trees, random_state=0)
    pipeline = make_pipeline(DictVectorizer(sparse=False), forest)
    folds = min(FOLDS, least)
    accuracy = (
        float(cross_val_score(pipeline, features, classes, cv=folds).mean()) if folds > 1 else None
    )
    pipeline.fit(features, classes)
    print(f"Trained on {len(known)} rows; accuracy by cross-validation: {accuracy}.")
    columns = list(features[0])
    report = {
        "columns": columns,
        "classes": sorted(set(classes)),
        "training_rows": len(known),
        "accuracy": accuracy,
    }
    content = io.BytesIO()
    joblib.dump((pipeline, columns, report), content)
    return Model(pipeline, columns, report, content.getvalue())


def _predictions(model: Model, rows: Sequence[Any]) -> list[dict[str, Any]]:
    if not rows:
        return []
    features = [_features(model, row, position) for position, row in enumerate(rows)]
    classes = [str(name) for name in model.pipeline.classes_]
    found = model.pipeline.predict_proba(features)
    return [
        {
            "class": classes[int(chances.argmax())],
            "probabilities": {
                name: round(float(chance), 4) for name, chance in zip(classes, chances)
            },
        }
        for chances in found
    ]


def _features(model: Model, row: Any, position: int) -> dict[str, Any]:
    if isinstance(row, list) and len(row) == len(model.columns):
        row = dict(zip(model.columns, row))
    if not isinstance(row, Mapping) or not set(model.columns) <= set(row):
        raise ValueError(
            f"rows[{position}] must be an object or a list with the columns "
            f"{', '.join(model.columns)}."
        )
    return {name: _value(row[name]) for name in model.columns}


def _table(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [
            {name: _value(cell) for name, cell in row.items() if name is not None}
            for row in csv.DictReader(file)
        ]


def _iris(target: str) -> list[dict[str, Any]]:
    iris = load_iris()
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    return [
        {**dict(zip(names, map(float, values))), target: str(iris.target_names[kind])}
        for values, kind in zip(iris.data, iris.target)
    ]


def _value(cell: Any) -> Any:
    """Return a cell as a number if it is one; what is missing counts as a text of its own."""
    if cell is None or isinstance(cell, bool):
        return str(cell)
    try:
        return float(cell)
    except (TypeError, ValueError):
        return str(cell)
