"""``headrace deployments create`` and ``update`` with ``--dry-run``, against a real server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import RunningServer
from tests.overdue import forget

from headrace import HeadraceSdk, NotFound

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def sdk(server: RunningServer) -> Iterator[HeadraceSdk]:
    with HeadraceSdk(server.token, server.url) as made:
        yield made


@pytest.fixture
def name(sdk: HeadraceSdk) -> Iterator[str]:
    """A name for a deployment, which is deleted afterwards."""
    chosen = f"dry-{uuid.uuid4().hex[:8]}"
    yield chosen
    forget(sdk, chosen)


def test_a_dry_run_shows_what_would_be_and_makes_nothing(
    headrace: Any, pipeline: Any, sdk: HeadraceSdk, name: str
) -> None:
    asked = (name, "--pipeline", pipeline("echo"), "-i", "text=constant:hello")
    said = headrace.said("deployments", "create", *asked, "--dry-run")
    assert f"/endpoints/{name}" in said
    assert "text=constant:hello" in said
    with pytest.raises(NotFound):
        sdk.get_deployment(name)
    headrace.said("deployments", "create", *asked)
    said = headrace.said("deployments", "update", name, "-i", "text=constant:other", "--dry-run")
    assert "text=constant:other" in said
    mapping = sdk.get_deployment(name)["inputs_mapping"]
    assert [item["constant_value"] for item in mapping] == ["hello"]
