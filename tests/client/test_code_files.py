"""Signatures are read from files as they are on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.client.code_files import source_in
from headrace.core.errors import InvalidCode
from headrace.core.signatures.reading import read_signature


def test_a_function_and_its_neighbours_are_found(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "m.py").write_bytes(
        "# -*- coding: latin-1 -*-\nfrom kinds import K\ndef f(x: K):\n    'Größe.'\n".encode(
            "latin-1"
        )
    )
    (tmp_path / "src" / "kinds.py").write_text("K = float\n")
    signature = read_signature(source_in(tmp_path, "src/m.py"), "f")
    assert signature.description == "Größe."
    assert signature.inputs[0].data_type == "number"


@pytest.mark.parametrize("content", [b"# coding: nonsense\n", b"x = '\xff'\n"])
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.py").write_bytes(content)
    with pytest.raises(InvalidCode, match=r"m\.py is no text"):
        read_signature(source_in(tmp_path, "m.py"), "f")


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidCode, match=r"There is no file a/m\.py"):
        read_signature(source_in(tmp_path, "a/m.py"), "f")
