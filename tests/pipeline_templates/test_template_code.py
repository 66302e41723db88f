"""The code of the shipped templates, function by function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.chat_server import ChatServer

CodeOf = Callable[..., Any]


@pytest.fixture
def cleaned(
    code_of: CodeOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[str, dict[str, Any]]]:
    """Returns the cleaned text of a table, and the summary."""
    monkeypatch.chdir(tmp_path)

    def clean(content: str | bytes, **options: Any) -> tuple[str, dict[str, Any]]:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / "table.csv").write_bytes(data)
        module = code_of("csv-cleaner", "main")
        made = module.clean({"path": str(tmp_path / "table.csv")}, **options)
        text = Path(made["cleaned"]["path"]).read_text(encoding="utf-8")
        return text, made["summary"]

    return clean


def test_a_table_is_cleaned(cleaned: Callable[..., Any]) -> None:
    text, summary = cleaned(
        "﻿Name; Unit Price ;name\r\n Ann  B ;1.5;x\r\nAnn B;1.5;x\r\n;;\r\nEve;n/a\r\n"
    )
    assert text == "name,unit_price,name_2\nAnn B,1.5,x\nEve,,\n"
    counts = {key: summary[key] for key in ("rows", "kept", "empty", "duplicates", "uneven")}
    assert counts == {"rows": 4, "kept": 2, "empty": 1, "duplicates": 1, "uneven": 1}
    name, price, _ = summary["columns"]
    assert name == {"name": "name", "kind": "text", "missing": 0, "distinct": 2}
    assert (price["kind"], price["missing"], price["mean"]) == ("number", 1, 1.5)


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        ("a,b\n1,2\n1,2\n", {"keep_duplicates": True}, "a,b\n1,2\n1,2\n"),
        ("a,b\n1,?\n", {"missing": ["?"]}, "a,b\n1,\n"),
        ("a,b\n1,NA\n", {"missing": None}, "a,b\n1,NA\n"),
        ("a b\n1 2\n", {"delimiter": " "}, "a,b\n1,2\n"),
        ('a\tb\n"x\ty"\t2\n', {}, "a,b\nx y,2\n"),
        ("a,b\n\xe9,2\n".encode("latin-1"), {}, "a,b\né,2\n"),
        ("a,,a\n1,2,3\n", {}, "a,column_2,a_2\n1,2,3\n"),
        ("a\n\0x\n", {}, "a\nx\n"),
        ("a,b\n", {}, "a,b\n"),
        ("a,b\n1,2,3\n", {}, "a,b\n1,2\n"),
    ],
    ids=str,
)
def test_odd_tables_are_cleaned(
    cleaned: Callable[..., Any], content: str | bytes, options: dict[str, Any], expected: str
) -> None:
    assert cleaned(content, **options)[0] == expected


def test_what_is_no_table_is_said(cleaned: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="The table is empty"):
        cleaned("")
    with pytest.raises(ValueError, match="delimiter must be one character"):
        cleaned("a\n", delimiter="ab")


TEXT = """The ferry to Bornholm leaves at nine. It takes three hours.

Dogs travel free of charge. Bicycles cost ten euros.

Éclairs are sold aboard."""


def test_passages_are_cut_and_found(code_of: CodeOf) -> None:
    retrieval = code_of("retrieval-chat", "retrieval")
    long = "Sentence about whales. " * 200
    passages = [*retrieval.passages_of("a.txt", TEXT), *retrieval.passages_of("b.txt", long)]
    assert all(0 < len(one.text) <= retrieval.PASSAGE_CHARACTERS for one in passages)
    assert [one.number for one in passages if one.path == "a.txt"] == [1]
    assert "".join("".join(one.text.split()) for one in passages if one.path == "b.txt") == (
        "".join(long.split())
    )
    index = retrieval.Index(passages)
    ((score, best),) = index.search("What does a BICYCLE cost?", 5)
    assert (best.path, score > 0) == ("a.txt", True)
    assert index.search("eclair", 1)[0][1].path == "a.txt"
    assert index.search("whale", 2)[0][1].path == "b.txt"
    assert len(index.search("whale", 2)) == 2
    assert index.search("nothing of the kind?", 5) == []
    assert retrieval.Index([]).search("whale", 5) == []


def test_rare_words_decide_and_long_passages_do_not(code_of: CodeOf) -> None:
    retrieval = code_of("retrieval-chat", "retrieval")
    texts = ["ferry ferry harbour", "ferry timetable", f"ferry timetable {'filler ' * 80}"]
    index = retrieval.Index([retrieval.Passage(str(i), 1, text) for i, text in enumerate(texts)])
    assert [one.path for _, one in index.search("ferry timetable", 3)] == ["1", "2", "0"]


MESSAGES = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Any:
    with ChatServer() as server:
        monkeypatch.setenv("CHAT_API_URL", server.url)
        monkeypatch.setenv("CHAT_API_KEY", server.key)
        monkeypatch.setenv("CHAT_API_MODEL", "small")
        yield server


def test_a_chat_is_passed_on(api: ChatServer, code_of: CodeOf) -> None:
    chat = code_of("chat-completion", "main").chat
    found = chat(MESSAGES, temperature=0.5, max_tokens=9.0)
    assert found["answer"] == "You said: Hello"
    assert (found["model"], found["usage"]["total_tokens"]) == ("small", 3)
    assert api.asked == [
        {"model": "small", "temperature": 0.5, "max_tokens": 9, "messages": MESSAGES}
    ]
    assert chat(MESSAGES, model="large")["model"] == "large"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("error", r"The API answered 429: .*too many"),
        ("secret", r"The API answered 401: .*\*{8}"),
        ("redirect", "The API answered 307"),
        ("not json", "is no chat completion: <html>"),
        ("no choices", "is no chat completion"),
        ("endless", "is longer than 10,000,000 bytes"),
    ],
)
def test_why_there_is_no_answer_is_said(
    api: ChatServer, code_of: CodeOf, content: str, said: str
) -> None:
    with pytest.raises(RuntimeError, match=said) as failure:
        code_of("chat-completion", "main").chat([{"role": "user", "content": content}])
    assert api.key not in str(failure.value)
    assert not api.elsewhere


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"CHAT_API_URL": ""}, "Set the environment variable CHAT_API_URL"),
        ({"CHAT_API_URL": "file:///etc/passwd"}, "Set the environment variable CHAT_API_URL"),
        ({"CHAT_API_MODEL": ""}, "Give a model, or set"),
        ({"CHAT_API_URL": "http://127.0.0.1:9"}, "cannot be reached"),
    ],
    ids=str,
)
def test_what_is_not_set_is_said(
    api: ChatServer,
    code_of: CodeOf,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    said: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RuntimeError, match=said):
        code_of("chat-completion", "main").chat(MESSAGES)


@pytest.mark.parametrize("messages", [[], "Hello", None, ["Hello"], [{"role": "user"}]], ids=str)
def test_what_is_no_chat_is_refused(api: ChatServer, code_of: CodeOf, messages: Any) -> None:
    with pytest.raises(ValueError, match="messages"):
        code_of("chat-completion", "main").chat(messages)
    assert api.asked == []
