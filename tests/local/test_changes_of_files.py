"""Changes of files that travel are noticed, and no others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.local import changes
from headrace.local.changes import PAUSE_S, Pace, Watch


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(changes, "QUIET_S", 0.0)
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src" / "model.py").write_text("a = 1\n")
    (root / "notes.txt").write_text("notes\n")
    (root / ".gitignore").write_text("*.log\nbuilt/\n")
    return root


def write(root: Path) -> None:
    (root / "src" / "model.py").write_text("a = 10\n")


def replace(root: Path) -> None:
    (root / "src" / "draft").write_text("a = 2\n")
    (root / "src" / "draft").replace(root / "src" / "model.py")


def add(root: Path) -> None:
    (root / "src" / "more.py").write_text("")


def add_deep(root: Path) -> None:
    (root / "new" / "deep").mkdir(parents=True)
    (root / "new" / "deep" / "more.py").write_text("")


def remove(root: Path) -> None:
    (root / "notes.txt").unlink()


def let_travel(root: Path) -> None:
    (root / "a.log").write_text("")
    (root / ".gitignore").write_text("built/\n")


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (write, ["src/model.py"]),
        (replace, ["src/model.py"]),
        (add, ["src/more.py"]),
        (add_deep, ["new/deep/more.py"]),
        (remove, ["notes.txt"]),
        (let_travel, [".gitignore", "a.log"]),
    ],
)
def test_a_change_is_noticed_once(
    folder: Path, change: Callable[[Path], None], wanted: list[str]
) -> None:
    watch = Watch(folder)
    assert watch.changes() == []
    change(folder)
    assert watch.changes() == wanted
    assert watch.changes() == []


def ignored_file(root: Path) -> None:
    (root / "a.log").write_text("")


def ignored_folder(root: Path) -> None:
    (root / "built").mkdir()
    (root / "built" / "out.bin").write_text("")


def bytecode(root: Path) -> None:
    (root / "src" / "__pycache__").mkdir()
    (root / "src" / "__pycache__" / "model.pyc").write_text("")


def nothing_new(root: Path) -> None:
    (root / "src" / "model.py").read_text()


@pytest.mark.parametrize("change", [ignored_file, ignored_folder, bytecode, nothing_new])
def test_what_does_not_travel_is_no_change(folder: Path, change: Callable[[Path], None]) -> None:
    watch = Watch(folder)
    change(folder)
    assert watch.changes() == []


def test_a_file_that_this_process_prints_to_is_not_watched(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (folder / "out.txt").open("w") as out:
        monkeypatch.setattr(changes, "PRINTED_TO", (out.fileno(), 10**6))
        watch = Watch(folder)
        out.write("a line")
        out.flush()
        assert watch.changes() == []
        write(folder)
        assert watch.changes() == ["src/model.py"]


def test_files_that_change_again_and_again_are_looked_at_less_often() -> None:
    pace = Pace()
    pauses = []
    for name in ["a"] * 20:
        pace.note([name, "b"])
        pauses.append((pace.pause_s, pace.is_restless))
    assert [pause for pause, _ in pauses[:5]] == [PAUSE_S] * 5
    assert pauses[6][0] == 4 * PAUSE_S
    assert PAUSE_S < pauses[-1][0] < 15
    assert sum(is_restless for _, is_restless in pauses) == 1
    pace.note([])
    assert pace.pause_s == PAUSE_S


def test_a_file_that_is_gone_while_it_is_read_is_read_past() -> None:
    answers = iter([FileNotFoundError(), FileNotFoundError(), "read"])

    def read() -> object:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert changes.settled(read) == "read"


def test_a_file_that_does_not_travel_can_be_watched(folder: Path) -> None:
    (folder / ".gitignore").write_text(".env\n")
    watch = Watch(folder, [folder / ".env"])
    (folder / ".env").write_text("A=1\n")
    assert watch.changes() == [".env"]
    (folder / ".env").unlink()
    assert watch.changes() == [".env"]


def test_a_folder_that_cannot_be_sent_is_said_once_and_then_looked_at_again(folder: Path) -> None:
    watch = Watch(folder)
    link = folder / "src" / "link"
    link.symlink_to("nowhere")
    (said,) = watch.changes()
    assert "src/link" in said
    assert watch.changes() == []
    link.unlink()
    assert watch.changes() == ["."]
    assert watch.changes() == []


def test_a_folder_that_cannot_be_sent_at_first_is_looked_at_again(folder: Path) -> None:
    link = folder / "src" / "link"
    link.symlink_to("nowhere")
    watch = Watch(folder)
    assert watch.changes() == []
    link.unlink()
    assert "src/model.py" in watch.changes()
