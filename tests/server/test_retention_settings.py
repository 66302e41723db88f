"""What a server keeps, as an operator says it."""

from __future__ import annotations

import pytest

from headrace.core.errors import InvalidRequest
from headrace.core.retention import Retention
from headrace.server.settings import Settings

NAMES = tuple(
    f"KEEP_{name}" for name in ("EXECUTIONS_S", "EXECUTIONS", "LEDGER_S", "FILES_BYTES", "VERSIONS")
)


def retention(*texts: str) -> Retention:
    variables = {f"HEADRACE_{name}": text for name, text in zip(NAMES, texts, strict=True)}
    return Settings.read(variables, {}).retention


def test_each_limit_has_its_unit() -> None:
    assert retention("3600", "10", "1.5", "2GB", "7") == Retention(3600.0, 10, 1.5, 2 * 10**9, 7)


@pytest.mark.parametrize("word", ["0", "off", "OFF", " 0 ", "0.0"])
def test_zero_and_off_keep_everything(word: str) -> None:
    assert retention(*[word] * len(NAMES)) == Retention()


def test_without_words_there_are_limits() -> None:
    kept = Settings.read({}, {}).retention
    assert kept == Retention(90 * 86400.0, 1_000_000, 400 * 86400.0, 100 * 10**9, 50)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("word", ["-1", "never", "nan", "1 week"])
def test_other_words_are_refused_by_name(name: str, word: str) -> None:
    with pytest.raises(InvalidRequest, match=f"HEADRACE_{name} is"):
        Settings.read({f"HEADRACE_{name}": word}, {})
