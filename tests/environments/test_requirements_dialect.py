"""Requirements files are read as pip reads them: encodings, includes, variables, options."""

from __future__ import annotations

import codecs
import http.server
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import InvalidEnvironment
from headrace.environments.installation import command_line_options
from headrace.environments.requirements_files import MAX_BYTES, MAX_FILES, read_requirements
from headrace.environments.requirements_text import filled, logical_lines


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "folder"


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def read(folder, files, path="requirements.txt", **variables):
    write(folder, files)
    return read_requirements(folder, path, variables)


def text(folder, *args, **kwargs):
    return read(folder, *args, **kwargs).text.split("\n")


ENCODED = {
    "UTF-8 with a mark": codecs.BOM_UTF8 + b"six # \xc3\xa9\n",
    "UTF-16 as PowerShell writes it": codecs.BOM_UTF16_LE + "six # é\r\n".encode("utf-16-le"),
    "UTF-16, big end first": codecs.BOM_UTF16_BE + "six # é\n".encode("utf-16-be"),
    "UTF-32": codecs.BOM_UTF32_LE + "six # é\n".encode("utf-32-le"),
    "declared": "# -*- coding: latin-1 -*-\nsix # é\n".encode("latin-1"),
    "declared in the second line": "#\n# vim: set fileencoding=cp1252 :\nsix # €".encode("cp1252"),
    "plain": b"six",
}


@pytest.mark.parametrize("kind", ENCODED)
@pytest.mark.parametrize("is_included", [False, True])
def test_a_file_says_its_encoding(kind, is_included, folder):
    files = {"requirements.txt": "-r it.txt", "it.txt": ENCODED[kind]}
    assert text(folder, files, "requirements.txt" if is_included else "it.txt") == ["six"]


@pytest.mark.parametrize("path", ["it.txt", "requirements.txt"])
def test_what_is_no_text_is_refused_with_the_line_and_the_way_out(path, folder):
    files = {"requirements.txt": "-r it.txt", "it.txt": b"six\n# \xe9\n"}
    with pytest.raises(InvalidEnvironment, match=r"'it.txt' is not UTF-8 text \(line 2\).*coding"):
        read(folder, files, path)
    with pytest.raises(InvalidEnvironment, match="an encoding that Python does not know"):
        read(folder, {"it.txt": b"# coding: klingon\nsix"}, path)


LINES = {
    "six \\\n   ==1.0": ["six    ==1.0"],
    "six==1.0 \\\n    --hash=sha256:00aa \\\n    --hash=sha256:00bb": [
        "six==1.0     --hash=sha256:00aa     --hash=sha256:00bb"
    ],
    "six  # why \\\nidna": ["six"],  # so does pip
    "# a comment does not go on \\\nsix": ["six"],
    "six \\\n# a comment ends it\nidna": ["six", "idna"],
    "six \\": ["six"],
    "\n\n   \n  six\t\r\nidna\r\n": ["six", "idna"],
    "a @ https://h/a.zip#egg=a  # why": ["a @ https://h/a.zip#egg=a"],
    'six ; python_version < "3.9" and extra == "a"': [
        'six ; python_version < "3.9" and extra == "a"'
    ],
}


@pytest.mark.parametrize("content", LINES)
def test_lines_are_joined_and_comments_left_out(content, folder):
    assert text(folder, {"requirements.txt": content}) == LINES[content]


@given(st.text(alphabet="a#\\ \n\t=-", max_size=30))
def test_any_text_has_lines_and_reading_them_again_changes_nothing(content):
    once = [line for _, line in logical_lines(content)]
    assert all(once)
    if not any(line.endswith("\\") for line in once):
        assert [line for _, line in logical_lines("\n".join(once))] == once


INCLUDES = [
    "-r base.txt",
    "-rbase.txt",
    "-r=base.txt",
    "--requirement base.txt",
    "--requirement=base.txt",
    "-r 'base.txt'",
    '-r "base.txt"',
    "-r ./base.txt",
    "-r ../requirements/base.txt",
    "-r base.txt  # the rest",
    "-r \\\n  base.txt",
    "-r more/../base.txt",
    "-r ${WHICH}.txt",
]


@pytest.mark.parametrize("line", INCLUDES)
def test_an_include_is_beside_the_file_that_names_it(line, folder):
    files = {
        "requirements/prod.txt": f"{line}\nidna\n",
        "requirements/base.txt": "six==1.15.0",
        "requirements/more/x.txt": "",
        "base.txt": "six==1.14.0",
    }
    found = text(folder, files, "requirements/prod.txt", WHICH="base")
    assert found == ["six==1.15.0", "idna"]


def test_constraints_limit_and_install_nothing(folder):
    files = {
        "a/top.txt": "-c limits/all.txt\nsix",
        "a/limits/all.txt": "six<1.17\n-c more.txt\n--extra-index-url https://h/simple",
        "a/limits/more.txt": "idna<4\n-r real.txt",
        "a/limits/real.txt": "certifi",
    }
    found = read(folder, files, "a/top.txt")
    assert found.text.split("\n") == ["certifi", "--extra-index-url https://h/simple", "six"]
    assert found.constraints.split("\n") == ["six<1.17", "idna<4"]
    with pytest.raises(InvalidEnvironment, match="line 1: -e is not possible in a file of const"):
        read(folder, {"a/limits/more.txt": "-e ./x"}, "a/top.txt")


def test_the_same_file_twice_counts_once_and_a_circle_is_named(folder):
    files = {"requirements.txt": "-r a.txt\n-r b.txt", "a.txt": "-r b.txt\nsix", "b.txt": "idna"}
    assert text(folder, files) == ["idna", "six"]
    with pytest.raises(InvalidEnvironment, match=r"includes itself: a.txt -> b.txt -> a.txt"):
        read(folder, {"b.txt": "-r a.txt"})
    with pytest.raises(InvalidEnvironment, match=r"includes itself: .*txt -> requirements.txt"):
        read(folder, {"requirements.txt": "-c requirements.txt"})


def test_a_great_many_includes_are_bounded(folder):
    files = {f"{n}.txt": f"-r {n + 1}.txt\n-r {n + 2}.txt" for n in range(MAX_FILES + 3)}
    with pytest.raises(InvalidEnvironment, match=f"more than {MAX_FILES} files"):
        read(folder, files, "0.txt")
    with pytest.raises(InvalidEnvironment, match="more than 2,000,000 bytes"):
        read(folder, {"0.txt": "#" * (MAX_BYTES + 1)}, "0.txt")


@pytest.mark.parametrize(
    "line",
    ["-r ../x.txt", "-r /etc/hostname", "-r link/hostname", "-c file:///etc/hostname", "-r ~/x"],
)
def test_an_include_outside_the_folder_is_refused(line, folder):
    folder.mkdir()
    (folder / "link").symlink_to("/etc")
    with pytest.raises(InvalidEnvironment, match=r"requirements.txt, line 2: .* is outside"):
        read(folder, {"requirements.txt": f"six\n{line}"})


def test_a_missing_include_is_told_by_its_place_in_the_folder(folder):
    files = {"a/top.txt": "\n-r more.txt", "more.txt": "six"}
    with pytest.raises(InvalidEnvironment, match=r"a/top.txt, line 2: 'more.txt' is 'a/more.txt'"):
        read(folder, files, "a/top.txt")
    with pytest.raises(InvalidEnvironment, match="line 1: --requirement names no file"):
        read(folder, {"a/top.txt": "-r"}, "a/top.txt")


def test_variables_are_replaced_in_every_file_and_only_where_they_count(folder):
    files = {
        "requirements.txt": "# ${UNSET}\n-r more.txt\nidna==${IDNA}",
        "more.txt": "six==${SIX}  # not ${OTHER}\n-c limits.txt",
        "limits.txt": "certifi==${CERTIFI}",
    }
    found = read(folder, files, SIX="1.16.0", IDNA="3.4", CERTIFI="1", OTHER="secret")
    assert found.text.split("\n") == ["six==1.16.0", "idna==3.4"]
    assert found.constraints == "certifi==1"
    assert found.secrets == ("1.16.0", "1", "3.4")


def test_all_variables_that_are_not_set_are_named_at_once(folder):
    files = {"requirements.txt": "-r more.txt\na${B}", "more.txt": "${C}==${A}\n-r ${D}.txt"}
    with pytest.raises(InvalidEnvironment, match=r"use \$\{C\}, \$\{A\}, \$\{D\}, \$\{B\}, but"):
        read(folder, files)


def test_a_value_that_would_be_replaced_again_is_refused(folder):
    with pytest.raises(
        InvalidEnvironment, match=r"The value of \$\{A\}, .* holds a \$\{VARIABLE\}"
    ):
        read(folder, {"requirements.txt": "a @ https://h/${A}/a.zip"}, A="${UV_INDEX_URL}")


USERS = {
    "p@ss/w?r#d": "p%40ss%2Fw%3Fr%23d",
    "p%40ss": "p%40ss",
    "100%": "100%25",
    "name:word": "name:word",
    "a b\n": "a%20b",
    "é[]": "%C3%A9%5B%5D",
    "a+b=c&$!": "a+b=c&$!",
}


@pytest.mark.parametrize("value", USERS)
def test_a_password_in_a_url_may_hold_anything(value):
    line = "--index-url https://me:${WORD}@host/${PLACE}/simple"
    variables = {"WORD": value, "PLACE": "a@b"}
    assert filled(line, variables) == f"--index-url https://me:{USERS[value]}@host/a@b/simple"


def test_what_is_no_password_stays_as_it_is():
    variables = {"INDEX": "https://me:p@host", "PLACE": "a?b"}
    assert filled("-i ${INDEX}/simple", variables) == "-i https://me:p@host/simple"
    assert filled("x @ https://h/${PLACE}@1", variables) == "x @ https://h/a?b@1"


def test_what_pip_freeze_prints_of_editable_packages(folder):
    content = (
        "-e git+https://host/team/tool.git@0123abc#egg=tool\n"
        "-e git+ssh://git@host/team/two.git@0123abc#egg=two&subdirectory=src\n"
        "--editable=git+https://${TOKEN}@host/three.git\n"
        "# Editable Git install with no remote (four==1.0)\n"
        "-e ./five\n"
    )
    assert text(folder, {"requirements.txt": content}, TOKEN="t@k") == [
        "git+https://host/team/tool.git@0123abc#egg=tool",
        "git+ssh://git@host/team/two.git@0123abc#egg=two&subdirectory=src",
        "git+https://t%40k@host/three.git",
        "--editable ./five",
    ]


def test_options_count_wherever_they_stand(folder):
    files = {
        "requirements.txt": "-i https://one/simple\n-r more/list.txt\nsix",
        "more/list.txt": "--index-url=https://two/simple\n-f wheels\n--find-links https://h/w\n"
        "--find-links ../top\n--no-binary :all:",
        "more/wheels/x": "",
        "top/x": "",
    }
    assert text(folder, files) == [
        "--index-url https://two/simple",
        "--find-links ./more/wheels",
        "--find-links https://h/w",
        "--find-links ./top",
        "--no-binary :all:",
        "six",
    ]


def test_options_that_the_installer_takes_on_its_command_line():
    given = "--pre\nsix\n--trusted-host h:80\n--require-hashes\n--prefer-binary\n--use-feature=x\n"
    assert command_line_options(given) == (
        ["--prerelease", "allow", "--allow-insecure-host", "h:80", "--require-hashes"],
        "six\n",
    )


class Server(http.server.BaseHTTPRequestHandler):
    pages = {  # noqa: RUF012 - read alone
        "/lists/top.txt": b"-r more.txt\nsix==${SIX}",
        "/lists/more.txt": b"idna\n-c /limits.txt",
        "/limits.txt": codecs.BOM_UTF16_LE + "idna<4".encode("utf-16-le"),
        "/bad.txt": b"-r file:///etc/hostname",
        "/much.txt": b"#" * (MAX_BYTES + 1),
    }

    def do_GET(self):
        page = self.pages.get(self.path)
        self.send_response(404 if page is None else 200)
        self.end_headers()
        self.wfile.write(page or b"")

    def log_message(self, *_args):
        pass


@pytest.fixture
def address():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_may_be_included_and_its_includes_are_relative_to_it(folder, address):
    found = read(folder, {"requirements.txt": f"-r {address}/lists/top.txt"}, SIX="1.16.0")
    assert found.text.split("\n") == ["idna", "six==1.16.0"]
    assert found.constraints == "idna<4"


def test_an_address_leads_to_no_file_of_this_machine(folder, address):
    with pytest.raises(InvalidEnvironment, match="cannot be fetched; use http or https"):
        read(folder, {"requirements.txt": f"-r {address}/bad.txt"})
    with pytest.raises(InvalidEnvironment, match="more than 2,000,000 bytes"):
        read(folder, {"requirements.txt": f"-r {address}/much.txt"})


def test_an_address_that_does_not_answer_is_told_without_its_secret(folder, address):
    line = f"-r {address}/${{SECRET}}/list.txt"
    with pytest.raises(
        InvalidEnvironment, match=r"cannot be read: the server answers 404"
    ) as refused:
        read(folder, {"requirements.txt": line}, SECRET="hush é@2")
    assert "hush" not in refused.value.message
    assert "/***" in refused.value.message
