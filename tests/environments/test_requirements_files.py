"""Lines that name files are told from lines that do not, and kept inside the folder."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import InvalidEnvironment
from headrace.environments.requirements import check_local_files, names_local_files

LOCAL = [
    "-r other.txt",
    "--requirement other.txt",
    "--requirement=other.txt",
    "-c limits.txt",
    "-e ./package",
    "-e package",
    "--editable=./package",
    "./package",
    "./package[extra] ; python_version > '3'",
    "package/",
    "name @ ./package",
    "name[extra]@package",
    "file:package",
    "wheels/name-1.0-py3-none-any.whl",
    "name-1.0.tar.gz",
    "--find-links ./wheels",
    "--find-links=wheels",
    "-f wheels",
    "six\n  -r other.txt  # why\n",
    "-r \\\n  other.txt",
]
NOT_LOCAL = [
    "",
    "# -r other.txt",
    "six",
    "six==1.17.0 --hash=sha256:00aa",
    "six>=1,<2 ; python_version < '3.13' and platform_machine == 'a/b'",
    "requests[security]>=2.8.1",
    "--index-url https://user:word@host/simple",
    "--extra-index-url=https://host/simple",
    "--find-links https://host/wheels/",
    "--find-links /srv/wheels",
    "--index-url file:///srv/simple",
    "--no-binary :all:",
    "--pre",
    "name @ https://host/name-1.0.tar.gz",
    "https://host/name-1.0-py3-none-any.whl",
    "name @ git+https://host/name.git@v1.0#subdirectory=a/b",
    "-e git+https://host/name.git#egg=name",
    "-r https://host/list.txt",
]
OUTSIDE = [
    "../x",
    "./../x",
    "package/../../x",
    "/etc/x",
    "~/x",
    "-e ../x",
    "-e /etc/x",
    "-r /etc/x.txt",
    "-r ../x.txt",
    "-c ~/x.txt",
    "file:///etc/x",
    "file:../x",
    "file:%2e%2e/x",
    "name @ file:///etc/x",
    "name@../x",
    "git+file:///etc/x",
    "--find-links ../wheels",
    "-r \\\n../x.txt",
    "link/x",
]


@pytest.mark.parametrize("text", LOCAL)
def test_these_name_local_files_and_are_allowed(text, tmp_path):
    assert names_local_files(text)
    check_local_files(text, tmp_path)


@pytest.mark.parametrize("text", NOT_LOCAL)
def test_these_name_no_local_file_and_are_allowed(text, tmp_path):
    assert not names_local_files(text)
    check_local_files(text, tmp_path)


@pytest.mark.parametrize("text", OUTSIDE)
def test_these_are_refused(text, tmp_path):
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(InvalidEnvironment, match="outside the pipeline's folder"):
        check_local_files(f"six\n{text}\n", tmp_path)


def test_included_files_are_checked_too(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "list.txt").write_text("-r ../second.txt\n")
    (tmp_path / "second.txt").write_text("-r second.txt\nsix\n")
    check_local_files("-r more/list.txt", tmp_path)
    (tmp_path / "second.txt").write_text("-r more/list.txt\n/etc/x\n")
    with pytest.raises(InvalidEnvironment, match="'/etc/x'"):
        check_local_files("-r more/list.txt", tmp_path)


def test_impossible_names_are_refused_in_words(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    for text in ("./a\0b", "./loop/x"):
        with pytest.raises(InvalidEnvironment, match="outside"):
            check_local_files(text, tmp_path)


@given(st.text(max_size=80))
def test_no_text_makes_the_check_fail_otherwise(text):
    names_local_files(text)
    with suppress(InvalidEnvironment):
        check_local_files(text, Path("/nonexistent"))
