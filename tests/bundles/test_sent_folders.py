"""Folders as browsers send them."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from headrace.bundles import left_out
from headrace.bundles.archives import unpack
from headrace.bundles.left_out import is_ignore_file, judge
from headrace.bundles.reading import ArchiveLimits
from headrace.bundles.sent_folders import is_zip, write_sent_files, write_zipped
from headrace.client.selection import select
from headrace.core.errors import InvalidRequest, TooLarge

LIMITS = ArchiveLimits(stream_bytes=10_000, members=20)


def make(archive: Path, files: dict[str, str], **how: int) -> Path:
    """Write a zip of files."""
    with zipfile.ZipFile(archive, "w", how.get("method", zipfile.ZIP_DEFLATED)) as made:
        for path, text in files.items():
            made.writestr(path, text)
    return archive


def unzipped(archive: Path, limits: ArchiveLimits = LIMITS) -> dict[str, str]:
    """What comes out of a zip at the end."""
    target, folder = archive.with_suffix(".tgz"), archive.with_suffix("")
    write_zipped(archive, target, limits)
    unpack(target, folder)
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_folder_that_holds_all_of_a_zip_is_left_away(tmp_path: Path) -> None:
    one = make(tmp_path / "one.zip", {"top/": "", "top/a.py": "a", "top/in/b.py": "b"})
    assert unzipped(one) == {"a.py": "a", "in/b.py": "b"}
    two = make(tmp_path / "two.zip", {"a.py": "a", "in/b.py": "b"})
    assert unzipped(two) == {"a.py": "a", "in/b.py": "b"}
    package = make(tmp_path / "three.zip", {"top/__init__.py": "", "top/a.py": "a"})
    assert unzipped(package) == {"top/__init__.py": "", "top/a.py": "a"}


def test_what_tools_made_is_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    names = ["top/a.py", "top/.venv/b.py", "top/in/__pycache__/c.pyc", "top/.git/config"]
    target = tmp_path / "sent.tgz"
    named = {".git/": "made by a tool", ".venv/": "made by a tool"}
    named["in/__pycache__/"] = "made by a tool"
    sent = write_sent_files([(name, tmp_path / "x") for name in names], target)
    assert sent.left_out == named
    unpack(target, tmp_path / "folder")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["a.py"]
    made = make(tmp_path / "made.zip", dict.fromkeys(names, "x"))
    assert write_zipped(made, tmp_path / "made.tgz", LIMITS).left_out == named


IGNORING = {
    "top/.gitignore": "*.bin\n.env\nkept.bin\n",
    "top/.headraceignore": "!kept.bin\n",
    "top/.git/info/exclude": "notes\n",
    "top/a.py": "a",
    "top/notes": "n",
    "top/.env": "PASSWORD=1",
    "top/in/.gitignore": "/out/\n",
    "top/in/out/x": "x",
    "top/in/b.bin": "b",
    "top/kept.bin": "k",
    "top/in/key.pem": "p",
}


def test_ignore_files_count_whatever_a_folder_came_in(tmp_path: Path) -> None:
    out = {
        ".env": ".gitignore",
        ".git/": "made by a tool",
        "in/b.bin": ".gitignore",
        "in/out/": ".gitignore",
        "notes": ".git/info/exclude",
    }
    files = []
    for number, (name, text) in enumerate(IGNORING.items()):
        (tmp_path / str(number)).write_text(text)
        files.append((name, tmp_path / str(number)))
    sent = write_sent_files(files, tmp_path / "sent.tgz")
    archive = make(tmp_path / "made.zip", IGNORING)
    zipped = write_zipped(archive, tmp_path / "made.tgz", LIMITS)
    for judged, target in ((sent, "sent.tgz"), (zipped, "made.tgz")):
        assert (judged.left_out, judged.secrets) == (out, ("in/key.pem",))
        folder = tmp_path / f"of-{target}"
        unpack(tmp_path / target, folder)
        there = {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()}
        kept = {".gitignore", ".headraceignore", "in/.gitignore"}
        assert there == {"a.py", "kept.bin", "in/key.pem", *kept}
    assert sent.sentence(2) == (
        "Taken, though it looks secret: in/key.pem. "
        "Left out: .env (.gitignore), .git/ (made by a tool) and 3 more."
    )


def test_the_sdk_and_a_sent_folder_leave_out_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "top"
    for name, text in IGNORING.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    paths = [str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()]
    texts = {path: (folder / path).read_text() for path in paths if is_ignore_file(path)}
    assert judge(paths, texts).left_out == select(folder, ["/"]).left_out


def test_ignore_files_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"'in/\.gitignore' cannot be used"):
        judge(["a"], {"in/.gitignore": "!\n"})
    with pytest.raises(InvalidRequest, match="keys: keep code in a folder of its own"):
        judge(["headrace.db", "a.py"], {})
    with pytest.raises(TooLarge, match="ignore files are larger"):
        judge(["a"], {".gitignore": "a" * 1_000_001})
    assert judge(["a/headrace.db", "a/x"], {}).left_out == {
        "a/": "a Headrace server's data directory"
    }


def test_a_line_that_takes_for_ever_breaks_no_more_than_its_judging(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(left_out, "TIMEOUT_S", 1.0)
    slow = "*a" * 40 + "b\n"
    with pytest.raises(InvalidRequest, match="take too long to match"):
        judge(["a" * 200], {".gitignore": slow})


def test_links_and_programs_stay_what_they_are(tmp_path: Path) -> None:
    archive = tmp_path / "links.zip"
    with zipfile.ZipFile(archive, "w") as made:
        program = zipfile.ZipInfo("run.sh")
        program.external_attr = (stat.S_IFREG | 0o755) << 16
        made.writestr(program, "#!/bin/sh\n")
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(link, "run.sh")
    write_zipped(archive, tmp_path / "links.tgz", LIMITS)
    unpack(tmp_path / "links.tgz", tmp_path / "folder")
    assert (tmp_path / "folder" / "run.sh").stat().st_mode & stat.S_IXUSR
    assert (tmp_path / "folder" / "link").readlink() == Path("run.sh")
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr(link, "../../etc/passwd")
    write_zipped(archive, tmp_path / "links.tgz", LIMITS)
    with pytest.raises(InvalidRequest, match="leaves the folder"):
        unpack(tmp_path / "links.tgz", tmp_path / "other")


def test_zips_over_a_limit_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    bomb = make(tmp_path / "bomb.zip", {"a": "0" * 1_000_000})
    assert bomb.stat().st_size < 2000
    with pytest.raises(TooLarge):
        unzipped(bomb)
    many = make(tmp_path / "many.zip", {f"{number}": "" for number in range(21)})
    with pytest.raises(TooLarge):
        unzipped(many)
    crowd = make(tmp_path / "crowd.zip", {f"{'x' * 200}{number}": "" for number in range(20_000)})
    with pytest.raises(TooLarge, match="too many members"):
        unzipped(crowd, ArchiveLimits())


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_to_compress_are_refused(tmp_path: Path, method: int) -> None:
    archive = make(tmp_path / "a.zip", {"a.py": "x" * 100}, method=method)
    with pytest.raises(InvalidRequest, match="deflate"):
        unzipped(archive)


def test_zips_that_lie_or_are_broken_are_refused(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.zip", {"a.py": "x" * 500}).read_bytes()
    assert is_zip(tmp_path / "whole.zip")
    size = (500).to_bytes(4, "little")
    for number, content in enumerate(
        (
            whole[:-5],
            whole.replace(size, (400).to_bytes(4, "little")),
            whole.replace(size, (9000).to_bytes(4, "little")),
            whole[:40] + b"\xff" * 4 + whole[44:],
            whole.replace(b"PK\x05\x06", b"PK\x05\x07"),
            whole.replace(b"\x14\x00\x00\x00\x08", b"\x14\x00\x01\x00\x08"),
        )
    ):
        broken = tmp_path / f"{number}.zip"
        broken.write_bytes(content)
        with pytest.raises((InvalidRequest, TooLarge)):
            unzipped(broken)
