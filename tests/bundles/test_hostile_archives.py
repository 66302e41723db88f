"""Whatever an archive holds, nothing is written outside its folder; refusals name the member."""

import gzip
import io
import os
import stat
import tarfile
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.bundles.archives import Unpacked, unpack
from headrace.bundles.reading import ArchiveLimits
from headrace.core.errors import InvalidRequest, TooLarge


def tree(folder):
    """Return all that is below a folder: path to content, target or None for a folder."""
    found: dict[str, str | bytes | None] = {}
    for place in folder.rglob("*"):
        path = place.relative_to(folder).as_posix()
        if place.is_symlink():
            found[path] = f"-> {place.readlink()}"
        else:
            found[path] = None if place.is_dir() else place.read_bytes()
    return found


@pytest.mark.parametrize(
    ("name", "attributes", "why"),
    [
        ("../evil", {}, "leaves the folder"),
        ("a/../../evil", {}, "leaves the folder"),
        ("a/../b", {}, "leaves the folder"),
        ("..", {"type": tarfile.DIRTYPE}, "leaves the folder"),
        ("/evil", {}, "absolute name"),
        ("/etc/", {"type": tarfile.DIRTYPE}, "absolute name"),
        ("", {}, "has no name"),
        (".", {}, "has no name"),
        ("", {"type": tarfile.SYMTYPE, "linkname": "a"}, "has no name"),
        ("a\\..\\b", {}, "backslash"),
        ("a\0b", {"pax_headers": {"path": "a\0b"}}, "backslash or a NUL"),
        ("caf\udce9", {}, "not UTF-8"),
        ("x" * 256, {}, "too long"),
        ("x/" * 600 + "x", {}, "too long"),
        ("pipe", {"type": tarfile.FIFOTYPE}, "neither a file"),
        ("disk", {"type": tarfile.BLKTYPE}, "neither a file"),
        ("null", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}, "neither a file"),
        ("new", {"type": b"Z"}, "neither a file"),
        (
            "link",
            {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
            "'/etc/passwd', which leaves",
        ),
        ("link", {"type": tarfile.SYMTYPE, "linkname": "../x"}, "'../x', which leaves"),
        ("a/link", {"type": tarfile.SYMTYPE, "linkname": "../../x"}, "which leaves"),
        ("a/link", {"type": tarfile.SYMTYPE, "linkname": "b/../../../x"}, "which leaves"),
        ("link", {"type": tarfile.SYMTYPE, "linkname": ""}, "which leaves"),
        ("link", {"type": tarfile.SYMTYPE, "pax_headers": {"linkpath": "a\0/../b"}}, "NUL"),
        ("link", {"type": tarfile.LNKTYPE, "linkname": "nowhere"}, "no file before it"),
        ("link", {"type": tarfile.LNKTYPE, "linkname": "../x"}, "leaves the folder"),
        ("link", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"}, "absolute name"),
    ],
)
def test_a_hostile_member_is_refused_by_name(
    make_archive, make_member, tmp_path, name, attributes, why
):
    archive = make_archive(make_member("first", b"1"), make_member(name, **attributes))
    with pytest.raises(InvalidRequest, match=why) as caught:
        unpack(archive, tmp_path / "into")
    caught.value.message.encode()
    assert list(tmp_path.iterdir()) == []


def test_links_that_leave_only_together_are_refused(make_archive, make_member, tmp_path):
    """Each link looks harmless by its text alone, but the second goes up through the first."""
    archive = make_archive(
        make_member("a/b/top", type=tarfile.SYMTYPE, linkname="../.."),
        make_member("out", type=tarfile.SYMTYPE, linkname="a/b/top/.."),
    )
    with pytest.raises(InvalidRequest, match="'out' is a link that leaves"):
        unpack(archive, tmp_path / "into")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_through_a_link(make_archive, make_member, tmp_path):
    inner = [
        make_member("real", type=tarfile.DIRTYPE),
        make_member("link", type=tarfile.SYMTYPE, linkname="real"),
    ]
    with pytest.raises(InvalidRequest, match="'link' is a folder, but also a link"):
        unpack(make_archive(*inner, make_member("link/x", b"1")), tmp_path / "into")
    archive = make_archive(make_member("real"), inner[1], make_member("link", b"file now"))
    unpack(archive, tmp_path / "into")
    assert tree(tmp_path / "into") == {"real": b"", "link": b"file now"}


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a/b"), ("./a", "a//b")])
def test_a_file_cannot_also_be_a_folder(make_archive, make_member, tmp_path, names):
    archive = make_archive(*(make_member(name, b"x") for name in names))
    with pytest.raises(InvalidRequest, match="but also"):
        unpack(archive, tmp_path / "into")


def test_odd_but_harmless_members_are_taken(make_archive, make_member, tmp_path):
    archive = make_archive(
        make_member("", type=tarfile.DIRTYPE),
        make_member("./", type=tarfile.DIRTYPE),
        make_member("./src/main.py", b"old"),
        make_member("src", type=tarfile.DIRTYPE),
        make_member("src//main.py", b"new"),
        make_member("é/" + "long/" * 60 + "ü", b"deep"),
        make_member("hard", type=tarfile.LNKTYPE, linkname="./src/main.py"),
        make_member("hard", type=tarfile.LNKTYPE, linkname="hard"),
        make_member("src/up", type=tarfile.SYMTYPE, linkname="../hard"),
        make_member("dangling", type=tarfile.SYMTYPE, linkname="src/nothing"),
        make_member("loop", type=tarfile.SYMTYPE, linkname="loop"),
        make_member("...", b"dots"),
    )
    assert unpack(archive, tmp_path / "into") == Unpacked(files=4, size=14)
    found = tree(tmp_path / "into")
    files = {path: content for path, content in found.items() if content is not None}
    assert files == {
        "src/main.py": b"new",
        "é/" + "long/" * 60 + "ü": b"deep",
        "hard": b"new",
        "src/up": "-> ../hard",
        "dangling": "-> src/nothing",
        "loop": "-> loop",
        "...": b"dots",
    }
    (tmp_path / "into" / "hard").write_bytes(b"changed")
    assert (tmp_path / "into" / "src" / "main.py").read_bytes() == b"new"


def test_modes_and_owners_are_dropped(make_archive, make_member, tmp_path):
    archive = make_archive(
        make_member("plain", mode=0o4666, uid=12345, gid=12345),
        make_member("program", mode=0o7700),
        make_member("closed", mode=0),
        make_member("dir", type=tarfile.DIRTYPE, mode=0o1000),
    )
    before = os.umask(0o077)
    try:
        unpack(archive, tmp_path / "into")
    finally:
        os.umask(before)
    found = {
        place.name: (stat.S_IMODE(place.stat().st_mode), place.stat().st_uid)
        for place in (tmp_path / "into").iterdir()
    }
    me = os.getuid()
    assert found == {
        "plain": (0o644, me),
        "program": (0o755, me),
        "closed": (0o644, me),
        "dir": (0o755, me),
    }
    assert stat.S_IMODE((tmp_path / "into").stat().st_mode) == 0o755


def test_what_python_and_git_write_for_themselves_is_left_out(make_archive, make_member, tmp_path):
    archive = make_archive(
        make_member("__pycache__/a.pyc", b"x"),
        make_member("src/__pycache__", type=tarfile.DIRTYPE),
        make_member("src/__pycache__/a.pyc", b"x" * 9_000_000),
        make_member(".git/config", b"x"),
        make_member("src/a.py", b"x"),
        make_member(".gitignore", b"x"),
    )
    assert unpack(archive, tmp_path / "into") == Unpacked(files=2, size=2)
    assert set(tree(tmp_path / "into")) == {"src", "src/a.py", ".gitignore"}


def test_an_empty_archive_is_an_empty_folder(make_archive, tmp_path):
    assert unpack(make_archive(), tmp_path / "into") == Unpacked(files=0, size=0)
    assert tree(tmp_path / "into") == {}


def test_a_folder_that_is_too_large_says_what_is_large(make_archive, make_member, tmp_path):
    archive = make_archive(
        make_member("small.py", b"x"),
        make_member("data/a.csv", b"a" * 3_000_000),
        make_member("data/b.csv", b"b" * 2_500_000),
    )
    with pytest.raises(TooLarge, match="holds 5,500,001 bytes; at most 5,000,000") as caught:
        unpack(archive, tmp_path / "into")
    assert "Largest: 'data/a.csv' (3,000,000 bytes), 'data/b.csv'" in caught.value.message
    assert "included_folders" in caught.value.message
    assert caught.value.details["largest"][0] == {"path": "data/a.csv", "size": 3_000_000}
    assert list(tmp_path.iterdir()) == []


def test_exactly_the_limit_is_allowed(make_archive, make_member, tmp_path):
    limits = ArchiveLimits(content_bytes=10)
    assert unpack(make_archive(make_member("a", b"x" * 10)), tmp_path / "into", limits).size == 10
    with pytest.raises(TooLarge):
        unpack(make_archive(make_member("a", b"x" * 11)), tmp_path / "over", limits)


def test_replacing_a_large_file_does_not_hide_that_others_were_cut(
    make_archive, make_member, tmp_path
):
    archive = make_archive(
        make_member("a", b"x" * 8), make_member("b", b"x" * 8), make_member("a", b"x")
    )
    with pytest.raises(TooLarge):
        unpack(archive, tmp_path / "into", ArchiveLimits(content_bytes=10))


def test_hard_links_count_as_content(make_archive, make_member, tmp_path):
    links = [make_member(f"l{i}", type=tarfile.LNKTYPE, linkname="a") for i in range(9)]
    archive = make_archive(make_member("a", b"x" * 1_000_000), *links)
    with pytest.raises(TooLarge, match="10,000,000 bytes"):
        unpack(archive, tmp_path / "into")


def test_too_many_members_are_refused(make_archive, make_member, tmp_path):
    limits = ArchiveLimits(members=3)
    members = [make_member(str(i)) for i in range(4)]
    assert unpack(make_archive(*members[:3]), tmp_path / "into", limits).files == 3
    with pytest.raises(TooLarge, match="more than 3 members"):
        unpack(make_archive(*members), tmp_path / "over", limits)


def test_an_archive_that_takes_too_long_is_refused(make_archive, make_member, tmp_path):
    with pytest.raises(TooLarge, match="too long to read"):
        unpack(make_archive(make_member("a")), tmp_path / "into", ArchiveLimits(seconds=-1))


def bomb(header: tarfile.TarInfo, actual: int):
    """Return a gzip of a header and ``actual`` zero bytes, made without holding them."""
    target = io.BytesIO()
    with gzip.GzipFile(fileobj=target, mode="wb", compresslevel=1) as zipped:
        zipped.write(header.tobuf(format=tarfile.GNU_FORMAT))
        for _ in range(actual // 1_000_000):
            zipped.write(bytes(1_000_000))
        zipped.write(bytes(1024))
    return target.getvalue()


@pytest.mark.parametrize(
    ("kind", "claimed", "error", "message"),
    [
        (tarfile.REGTYPE, 40_000_000, TooLarge, "holds more than 20,000,000 bytes.*'big'"),
        (tarfile.REGTYPE, 2**60, TooLarge, "holds more than 20,000,000"),
        (tarfile.XHDTYPE, 40_000_000, InvalidRequest, "a header is too long"),
        (tarfile.GNUTYPE_LONGNAME, 2**60, InvalidRequest, "a header is too long"),
        (tarfile.XHDTYPE, 9_000, InvalidRequest, "a header is too long"),
        (tarfile.DIRTYPE, 2**60, TooLarge, "holds more than 20,000,000"),
        (tarfile.REGTYPE, -512, InvalidRequest, "negative size"),
        (tarfile.XHDTYPE, -1024, InvalidRequest, "negative size"),
    ],
)
def test_a_bomb_is_stopped_while_it_streams(tmp_path, kind, claimed, error, message):
    """Not the header's claim but what comes out of it counts, and little of it is in memory."""
    header = tarfile.TarInfo("big")
    header.type, header.size = kind, claimed
    archive = tmp_path / "bomb"
    archive.write_bytes(bomb(header, 40_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(error, match=message):
            unpack(archive, tmp_path / "into", ArchiveLimits(stream_bytes=20_000_000))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert not (tmp_path / "into").exists()


def test_a_chain_of_headers_is_stopped(tmp_path):
    """Each header is short enough, but no member ever follows."""
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 8_000
    link = header.tobuf(format=tarfile.GNU_FORMAT) + b"x" * 8_192
    archive = tmp_path / "chain"
    archive.write_bytes(gzip.compress(link * 1_000, 1))
    with pytest.raises(InvalidRequest, match="a header is too long"):
        unpack(archive, tmp_path / "into")


def test_a_bomb_behind_the_end_is_stopped(tmp_path):
    archive = tmp_path / "bomb"
    archive.write_bytes(gzip.compress(bytes(40_000_000), 1))
    with pytest.raises(TooLarge):
        unpack(archive, tmp_path / "into", ArchiveLimits(stream_bytes=20_000_000))


def test_a_sparse_file_is_refused(tmp_path):
    header = tarfile.TarInfo("holes")
    header.type, header.size = tarfile.GNUTYPE_SPARSE, 0
    raw = bytearray(header.tobuf(format=tarfile.GNU_FORMAT))
    raw[386:482] = b"00000000000\0" * 8
    raw[483:495] = b"77777777777\0"
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    archive = tmp_path / "archive"
    archive.write_bytes(gzip.compress(bytes(raw) + bytes(1024)))
    with pytest.raises(InvalidRequest, match="neither a file"):
        unpack(archive, tmp_path / "into")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no archive at all",
        gzip.compress(b""),
        gzip.compress(b"no tar"),
        gzip.compress(b"no tar" * 1000),
        gzip.compress(bytes(512) + b"x")[:-9],
    ],
    # Compressed bytes hold the time, so by themselves they would be other names in each process.
    ids=["nothing", "text", "empty", "short", "long", "cut"],
)
def test_what_is_no_archive_is_refused(tmp_path, raw):
    archive = tmp_path / "archive"
    archive.write_bytes(raw)
    with pytest.raises(InvalidRequest, match="step_file is not a gzip-compressed tar"):
        unpack(archive, tmp_path / "into")
    assert not (tmp_path / "into").exists()


@pytest.fixture(scope="module")
def sound(make_archive, make_member):
    return make_archive(
        make_member("a.py", b"print()" * 50, pax_headers={"comment": "c" * 50}),
        make_member("d/" + "long" * 40, b"x" * 700),
        make_member("l", type=tarfile.SYMTYPE, linkname="a.py"),
        make_member("h", type=tarfile.LNKTYPE, linkname="a.py"),
    ).read_bytes()


def test_a_truncated_archive_is_refused_wherever_it_is_cut(sound, tmp_path):
    archive = tmp_path / "archive"
    plain = gzip.decompress(sound)
    padding = len(plain) - len(plain.rstrip(b"\0"))
    cuts = [sound[:end] for end in range(0, len(sound) - 1, 7)]
    cuts += [gzip.compress(plain[:end]) for end in range(0, len(plain) - padding, 256)]
    for cut in cuts:
        archive.write_bytes(cut)
        with pytest.raises(InvalidRequest):
            unpack(archive, tmp_path / "into")


def test_garbage_instead_of_a_member_is_not_taken_for_the_end(make_archive, make_member, tmp_path):
    plain = bytearray(
        gzip.decompress(make_archive(make_member("a"), make_member("b")).read_bytes())
    )
    plain[512:520] = b"garbage!"
    archive = tmp_path / "archive"
    archive.write_bytes(gzip.compress(bytes(plain)))
    with pytest.raises(InvalidRequest, match="bad checksum"):
        unpack(archive, tmp_path / "into")


@given(
    st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), min_size=1, max_size=4),
    st.data(),
)
def test_a_damaged_archive_is_unpacked_or_refused_and_nothing_else(
    sound, tmp_path_factory, damage, data
):
    plain = bytearray(gzip.decompress(sound))
    for position, value in damage:
        plain[position % len(plain)] = value
    if data.draw(st.booleans(), label="with the checksums right"):
        for start in range(0, len(plain) - 512, 512):
            header = plain[start : start + 512]
            if header[257:262] == b"ustar":
                header[148:156] = b" " * 8
                plain[start + 148 : start + 156] = b"%06o\0 " % sum(header)
    base = tmp_path_factory.mktemp("damaged")
    archive = base / "archive"
    archive.write_bytes(gzip.compress(bytes(plain)))
    try:
        unpack(archive, base / "into")
    except InvalidRequest:
        assert not (base / "into").exists()
    assert {place.name for place in base.iterdir()} <= {"archive", "into"}
