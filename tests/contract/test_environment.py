"""What the public client asks of the environment itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from craft_ai_sdk import CraftAiSdk
from craft_ai_sdk.exceptions import SdkException
from tests.conftest import RunningServer

from headrace import HeadraceSdk, NotFound

pytestmark = pytest.mark.system


def test_the_vector_database_is_the_one_that_is_set(
    own_server: Callable[..., RunningServer],
) -> None:
    server = own_server(
        HEADRACE_VECTOR_DATABASE_URL="https://vectors.example.org/",
        HEADRACE_VECTOR_DATABASE_TOKEN="secret",
    )
    expected = {
        "vector_database_url": "https://vectors.example.org",
        "vector_database_token": "secret",
    }
    public = CraftAiSdk(server.token, server.url, server.url)
    assert public.get_vector_database_credentials() == expected
    with HeadraceSdk(server.token, server.url) as sdk:
        assert sdk.get_vector_database_credentials() == expected
    assert "secret" not in server.log.read_text()


def test_without_one_it_is_said_how_to_set_it(public_sdk: Any, own_sdk: HeadraceSdk) -> None:
    with pytest.raises(SdkException, match="has no vector database: its operator sets one"):
        public_sdk.get_vector_database_credentials()
    with pytest.raises(NotFound, match="HEADRACE_VECTOR_DATABASE_URL"):
        own_sdk.get_vector_database_credentials()
