"""The platform's public client, unmodified, pointed at a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SOURCE = '''\
"""A function that has every type of input and output."""

import json
import sys
from pathlib import Path


def describe(text, number, flag, record, items, document):
    print("text is", text)
    print("trouble ahead", file=sys.stderr)
    content = Path(document["path"]).read_bytes() if document else b""
    Path("copy.bin").write_bytes(content[::-1])
    return {
        "text": None if text is None else text.upper(),
        "number": None if number is None else number * 2,
        "flag": None if flag is None else not flag,
        "record": {"given": record, "length": len(content)},
        "items": None if items is None else list(reversed(items)),
        "document": {"path": "copy.bin"},
    }


def add(number1, number2):
    return {"number3": number1 + number2}


def fail(message):
    print("before")
    raise ValueError(message)


def nothing():
    print("nothing to see")


def sleep(seconds):
    import time

    print("asleep", flush=True)
    time.sleep(seconds)
'''


@pytest.fixture(scope="session")
def source_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    (folder / "src").mkdir()
    (folder / "src" / "main.py").write_text(SOURCE)
    (folder / "requirements.txt").write_text("# nothing\n")
    return folder


@pytest.fixture(scope="session")
def public_sdk(server: Any) -> Any:
    from craft_ai_sdk import CraftAiSdk

    return CraftAiSdk(sdk_token=server.token, environment_url=server.url, control_url=server.url)


@pytest.fixture(scope="session")
def own_sdk(server: Any) -> Any:
    from headrace import HeadraceSdk

    return HeadraceSdk(sdk_token=server.token, environment_url=server.url)
