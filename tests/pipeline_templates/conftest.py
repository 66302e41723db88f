"""The code of templates, imported as their pipelines import it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

from headrace.pipeline_templates.catalogue import read_templates


@pytest.fixture
def code_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Returns a module of a template: ``code_of("csv-cleaner", "main")``."""
    before = set(sys.modules)

    def load(template: str, module: str) -> Any:
        for place in read_templates()[template].files.values():
            monkeypatch.syspath_prepend(str(place.parent))
        return import_module(module)

    yield load
    for name in ("main", "chat_api", "data_store", "retrieval"):
        if name not in before:
            sys.modules.pop(name, None)
