"""The digest of a folder's content, while it is read."""

from __future__ import annotations

from headrace.core.contents import ContentDigest
from headrace.core.steps import hidden_name, is_hidden, shown_name


def digest(
    *, is_program: bool = False, content: tuple[bytes, ...] = (b"ab",), to: str = "a"
) -> str:
    found = ContentDigest()
    found.add_folder("folder")
    found.add_file("folder/a", is_program=is_program, size=2, content=content)
    found.add_link("link", to)
    return found.hexdigest()


def test_content_counts_and_how_it_is_read_does_not() -> None:
    assert digest() == digest(content=(b"a", b"b"))
    others = {digest(is_program=True), digest(content=(b"ac",)), digest(to="b")}
    assert len(others | {digest()}) == 4


def test_a_step_is_kept_under_a_name_that_no_pipeline_has() -> None:
    assert is_hidden(hidden_name("one"))
    assert not is_hidden("one")
    assert shown_name(hidden_name("one")) == shown_name("one") == "one"
