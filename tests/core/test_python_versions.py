"""What ``requires-python`` allows."""

from __future__ import annotations

import pytest

from headrace.core.environments import SUPPORTED_PYTHONS
from headrace.core.python_versions import allowed_versions, allows

ALLOWED = [
    (None, "9 10 11 12 13 14"),
    ("", "9 10 11 12 13 14"),
    (">=3.11", "11 12 13 14"),
    (">= 3.11", "11 12 13 14"),
    (">=3.11.4", "11 12 13 14"),
    (">=3.10,<3.13", "10 11 12"),
    (">3.10", "10 11 12 13 14"),
    ("<3.11.5", "9 10 11"),
    ("<=3.11", "9 10 11"),
    ("<4.0", "9 10 11 12 13 14"),
    ("==3.12.*", "12"),
    ("==3.12", "12"),
    ("==3.12.4", "12"),
    ("===3.12.4", "12"),
    ("!=3.12.*", "9 10 11 13 14"),
    ("!=3.12.4", "9 10 11 12 13 14"),
    ("~=3.11", "11 12 13 14"),
    ("~=3.11.2", "11"),
    (">=3.14.0rc1", "14"),
    (">3.13.2,<3.13.4", "13"),
    (">=3.11.4,<3.11.5", "11"),
    (">3.11.3,<=3.11.4", "11"),
    (">3.11.4,<3.11.5", ""),
    (">=3", "9 10 11 12 13 14"),
    ("<3", ""),
]


@pytest.mark.parametrize(("specifier", "minors"), ALLOWED)
def test_the_versions_that_a_specifier_allows(specifier: str | None, minors: str) -> None:
    found = allowed_versions(specifier, SUPPORTED_PYTHONS)
    assert found == [f"3.{minor}" for minor in minors.split()]


@pytest.mark.parametrize("specifier", ["3.11", ">=", "latest", ">=3.x", ">=3.9 <4"])
def test_what_is_no_specifier_is_refused(specifier: str) -> None:
    with pytest.raises(ValueError, match="no condition on a version"):
        allows(specifier, "3.11")
