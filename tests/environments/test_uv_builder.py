"""The builder makes what was asked for, once, and says what went wrong."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest

from headrace.core.environments import SUPPORTED_PYTHONS, Environment, EnvironmentSpec
from headrace.core.errors import InvalidEnvironment, Unavailable
from headrace.environments.interpreters import Interpreters
from headrace.environments.uv import UvBuilder

FOUND = Interpreters([], os.environ).found()


def run_in(environment: Environment, code: str) -> str:
    answer = subprocess.run(
        [environment.python, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


def leftovers(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if path.name != "uv.toml")


async def test_what_was_asked_for_can_be_imported(builder, workshop):
    said: list[str] = []
    spec = workshop.spec(workshop.wheel("alpha", "2.5"))
    assert builder.find(spec.digest) is None
    made = await builder.ready(spec, folder=workshop.folder, say=said.append)
    assert run_in(made, "import alpha; print(alpha.VERSION)") == "2.5"
    assert builder.find(spec.digest) == made
    assert any("alpha==2.5" in line for line in said)


async def test_a_package_from_the_public_index_is_installed(root, tmp_path):
    """With uv's own cache and default settings, as a server has them."""
    builder = UvBuilder(root)
    spec = EnvironmentSpec("3.11", "six==1.17.0\n")
    made = await builder.ready(spec, folder=tmp_path, say=lambda _: None)
    assert run_in(made, "import six; print(six.__version__)") == "1.17.0"
    await builder.close()


async def test_the_same_again_is_not_built_again(builder, workshop):
    said: list[str] = []
    spec = workshop.spec("# nothing\n")
    first = await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    assert await builder.ready(spec, folder=workshop.folder, say=said.append) == first
    assert said == []


async def test_two_who_ask_at_once_share_one_build_and_hear_the_same(builder, workshop, until):
    """Which of the two starts the build is not said; the build is held until both are in it."""
    said: list[list[str]] = [[], []]
    requirements, hold, begun = workshop.slow_package()
    spec = workshop.spec(requirements)
    asking = [
        asyncio.create_task(builder.ready(spec, folder=workshop.folder, say=lines.append))
        for lines in said
    ]
    await until(lambda: begun.exists() and all(said))
    hold.unlink()
    first, second = await asyncio.gather(*asking)
    assert first == second
    starter, joiner = sorted(said, key=len)
    assert joiner == ["waiting for another build of the same environment", *starter]
    assert sum("building the environment" in line for line in starter) == 1


@pytest.mark.parametrize("version", SUPPORTED_PYTHONS)
async def test_each_interpreter_of_this_machine_makes_environments(builder, workshop, version):
    if version not in FOUND:
        pytest.skip(f"Python {version} is not on this machine")
    spec = workshop.spec(workshop.wheel("alpha"), python=version)
    made = await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    code = "import alpha, sys; print('%d.%d' % sys.version_info[:2])"
    assert run_in(made, code) == version
    assert builder.find(spec.digest) == made


async def test_a_version_that_is_missing_is_named_with_those_that_are_there(builder, workshop):
    with pytest.raises(InvalidEnvironment) as caught:
        await builder.ready(
            workshop.spec("", python="3.99"), folder=workshop.folder, say=lambda _: None
        )
    assert "needs Python 3.99, which is not on this machine; found: 3." in caught.value.message
    assert "HEADRACE_PYTHONS" in caught.value.message


async def test_a_package_that_does_not_exist_is_named_and_nothing_is_left(builder, workshop, root):
    said: list[str] = []
    workshop.wheel("alpha")
    spec = workshop.spec("--no-index\n--find-links ./wheels\nno-such-package\n")
    with pytest.raises(InvalidEnvironment, match="no-such-package was not found") as caught:
        await builder.ready(spec, folder=workshop.folder, say=said.append)
    assert len(caught.value.message) < 700
    assert any("no-such-package was not found" in line for line in said)
    assert builder.find(spec.digest) is None
    assert leftovers(root) == []


async def test_the_exception_of_a_build_script_reaches_the_message(builder, workshop):
    said: list[str] = []
    spec = workshop.spec(workshop.source_package("broken", "raise RuntimeError('no compiler')"))
    with pytest.raises(InvalidEnvironment, match="RuntimeError: no compiler"):
        await builder.ready(spec, folder=workshop.folder, say=said.append)
    assert any("Traceback" in line for line in said)


async def test_a_build_can_succeed_after_a_failure(builder, workshop):
    workshop.wheel("alpha")
    spec = workshop.spec("--no-index\n--find-links ./wheels\nbeta\n")
    with pytest.raises(InvalidEnvironment):
        await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    workshop.wheel("beta")
    made = await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    assert run_in(made, "import beta; print(beta.VERSION)") == "1.0"


async def test_secrets_are_neither_said_nor_raised_nor_written(builder, workshop, root):
    secret = "p@ss/word 1"
    forms = (secret, quote(secret), quote(secret, safe=""))
    said: list[str] = []
    package = workshop.source_package("leaky", f"raise RuntimeError({forms!r})")
    text = f"{package}--extra-index-url https://user:{forms[2]}@localhost:1/simple\n"
    with pytest.raises(InvalidEnvironment) as caught:
        await builder.ready(
            workshop.spec(text), folder=workshop.folder, say=said.append, secrets=[secret]
        )
    everything = "\n".join([*said, caught.value.message])
    assert "***" in caught.value.message
    assert not any(form in everything for form in forms)

    await builder.ready(
        workshop.spec(f"{workshop.wheel('alpha')}--extra-index-url https://u:{forms[2]}@h:1/\n"),
        folder=workshop.folder, say=said.append, secrets=[secret],
    )  # fmt: skip
    await builder.finish_compiling()  # until then, files come and go
    for path in filter(Path.is_file, root.rglob("*")):
        content = path.read_bytes()
        assert not any(form.encode() in content for form in forms), path


async def test_build_scripts_do_not_get_the_servers_environment(root, workshop, tmp_path):
    environ = {
        **os.environ,
        "HEADRACE_KEY": "1",
        "CRAFT_AI_SDK_TOKEN": "1",
        "AWS_SECRET": "1",
        "UV_HTTP_TIMEOUT": "7",
    }
    builder = UvBuilder(root, cache=tmp_path / "cache", environ=environ)
    seen = tmp_path / "seen.json"
    package = workshop.source_package(
        "nosy", f"import json; json.dump(dict(os.environ), open({str(seen)!r}, 'w'))"
    )
    await builder.ready(workshop.spec(package), folder=workshop.folder, say=lambda _: None)
    await builder.close()
    names = json.loads(seen.read_text()).keys()
    assert not names & {"HEADRACE_KEY", "CRAFT_AI_SDK_TOKEN", "AWS_SECRET"}
    assert {"PATH", "UV_HTTP_TIMEOUT"} <= names


async def test_a_cancelled_build_is_killed_and_leaves_nothing(
    builder, workshop, root, until, alive
):
    requirements, hold, begun = workshop.slow_package()
    spec = workshop.spec(requirements)
    building = asyncio.create_task(builder.ready(spec, folder=workshop.folder, say=lambda _: None))
    await until(begun.exists)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    await until(lambda: not alive(int(begun.read_text())))
    assert builder.find(spec.digest) is None
    assert leftovers(root) == []
    hold.unlink()
    await builder.ready(spec, folder=workshop.folder, say=lambda _: None)


async def test_a_build_goes_on_when_one_of_two_gives_up(builder, workshop, until):
    requirements, hold, begun = workshop.slow_package()
    spec = workshop.spec(requirements)
    said: list[str] = []
    first = asyncio.create_task(builder.ready(spec, folder=workshop.folder, say=lambda _: None))
    await until(begun.exists)
    second = asyncio.create_task(builder.ready(spec, folder=workshop.folder, say=said.append))
    await until(lambda: bool(said))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    hold.unlink()
    assert await second == builder.find(spec.digest)
    assert said[0] == "waiting for another build of the same environment"
    assert "building the environment" in said[1]


async def test_closing_gives_builds_up_and_tells_who_waits(builder, workshop, until, root):
    requirements, _, begun = workshop.slow_package()
    waiting = asyncio.create_task(
        builder.ready(workshop.spec(requirements), folder=workshop.folder, say=lambda _: None)
    )
    await until(begun.exists)
    await builder.close()
    with pytest.raises(Unavailable):
        await waiting
    assert leftovers(root) == []


async def test_a_build_that_takes_too_long_is_given_up(root, workshop, tmp_path, until, alive):
    builder = UvBuilder(root, cache=tmp_path / "cache", timeout_s=1.5)
    requirements, _, begun = workshop.slow_package()
    with pytest.raises(InvalidEnvironment, match=r"not built within 1\.5 s"):
        await builder.ready(workshop.spec(requirements), folder=workshop.folder, say=lambda _: None)
    if begun.exists():
        await until(lambda: not alive(int(begun.read_text())))
    assert leftovers(root) == []


async def test_lines_that_name_files_elsewhere_are_refused_before_anything_runs(
    builder, workshop, root
):
    said: list[str] = []
    with pytest.raises(InvalidEnvironment, match=r"'\./\.\./x'"):
        await builder.ready(workshop.spec("six\n./../x\n"), folder=workshop.folder, say=said.append)
    assert said == []
    assert leftovers(root) == []


async def test_requirements_may_include_files_of_the_folder(builder, workshop):
    text = workshop.wheel("alpha").replace("alpha==1.0", "-r more/list.txt")
    (workshop.folder / "more").mkdir()
    (workshop.folder / "more" / "list.txt").write_text("-r names.txt\n")
    (workshop.folder / "more" / "names.txt").write_text("alpha\n")
    made = await builder.ready(workshop.spec(text), folder=workshop.folder, say=lambda _: None)
    assert run_in(made, "import alpha; print(alpha.VERSION)") == "1.0"


async def test_an_editable_package_is_copied_so_the_environment_stands_alone(builder, workshop):
    text = workshop.source_package("mine", module="X = 1").replace("./mine", "-e ./mine")
    made = await builder.ready(workshop.spec(text), folder=workshop.folder, say=lambda _: None)
    (workshop.folder / "mine").rename(workshop.folder / "moved")
    assert run_in(made, "import mine; print(mine.X)") == "1"


async def test_a_changed_folder_is_built_anew_even_at_the_same_path(builder, workshop):
    text = workshop.source_package("mine")
    for digest, value in (("a", "1"), ("b", "2")):
        (workshop.folder / "mine" / "module.txt").write_text(f"X = {value}")
        spec = EnvironmentSpec("3.11", text, folder_digest=digest)
        made = await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
        assert run_in(made, "import mine; print(mine.X)") == value


async def test_uv_settings_in_the_pipelines_folder_are_not_in_force(builder, workshop):
    """They would not be part of the digest."""
    (workshop.folder / "pyproject.toml").write_text("[tool.uv]\nno-binary = true\n")
    (workshop.folder / "uv.toml").write_text('no-build-package = ["mine"]\n')
    text = workshop.source_package("mine") + workshop.wheel("alpha")
    await builder.ready(workshop.spec(text), folder=workshop.folder, say=lambda _: None)


async def test_an_environment_whose_interpreter_is_gone_is_built_again(builder, workshop):
    spec = workshop.spec(workshop.wheel("alpha"))
    made = await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    made.python.unlink()
    made.python.symlink_to("/no/such/interpreter")
    assert builder.find(spec.digest) is None
    again = await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    assert run_in(again, "import alpha; print(alpha.VERSION)") == "1.0"


async def test_a_missing_folder_is_an_error_in_words(builder, workshop, root):
    with pytest.raises(InvalidEnvironment, match="gone"):
        await builder.ready(
            workshop.spec("six\n"), folder=workshop.folder / "gone", say=lambda _: None
        )
    assert leftovers(root) == []


def test_a_builder_without_uv_says_how_to_get_it(root, tmp_path):
    with pytest.raises(InvalidEnvironment, match="pip install"):
        UvBuilder(root, uv=tmp_path / "uv")


async def test_constraints_limit_what_is_installed_and_install_nothing(builder, workshop):
    for version in ("1.0", "2.0"):
        text = workshop.wheel("alpha", version).replace(f"=={version}", "")
        workshop.wheel("beta", version)
    spec = EnvironmentSpec("3.11", text, folder_digest="test", constraints="alpha<2\nbeta<2")
    made = await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    assert run_in(made, "import alpha; print(alpha.VERSION)") == "1.0"
    assert run_in(made, "import importlib.util as u; print(u.find_spec('beta'))") == "None"


async def test_options_of_pip_that_uv_knows_on_its_command_line_alone_are_in_force(
    builder, workshop
):
    workshop.wheel("alpha", "1.0")
    text = "--pre\n--prefer-binary\n" + workshop.wheel("alpha", "2.0rc1").replace("==2.0rc1", "")
    said: list[str] = []
    made = await builder.ready(workshop.spec(text), folder=workshop.folder, say=said.append)
    assert run_in(made, "import alpha; print(alpha.VERSION)") == "2.0rc1"
    assert not any("unsupported" in line for line in said)
    hashes = workshop.spec(f"--require-hashes\n{text}")
    with pytest.raises(InvalidEnvironment, match="In `--require-hashes` mode"):
        await builder.ready(hashes, folder=workshop.folder, say=said.append)


async def test_a_secret_is_hidden_however_the_installer_writes_it(builder, workshop):
    secret = "p@ss w&rd+é"
    text = f"nothere @ http://127.0.0.1:9/{secret}/nothere-1.0-py3-none-any.whl"
    said: list[str] = []
    with pytest.raises(InvalidEnvironment) as refused:
        await builder.ready(
            workshop.spec(text), folder=workshop.folder, say=said.append, secrets=[secret]
        )
    everything = "\n".join([refused.value.message, *said])
    assert "***" in everything
    assert "rd+" not in everything
    assert "w&" not in everything


async def test_passwords_of_the_servers_own_index_are_hidden(root, workshop, tmp_path):
    url = "http://me:hush-hush@127.0.0.1:9/simple"
    builder = UvBuilder(root, environ={**os.environ, "PIP_INDEX_URL": url})
    text = workshop.source_package("mine", on_build="sys.exit(os.environ['UV_DEFAULT_INDEX'])")
    said: list[str] = []
    with pytest.raises(InvalidEnvironment) as refused:
        await builder.ready(workshop.spec(text), folder=workshop.folder, say=said.append)
    await builder.close()
    everything = "\n".join([refused.value.message, *said])
    assert "me:***@127.0.0.1" in everything
    assert "hush" not in everything


async def test_a_server_with_an_empty_environment_builds_and_writes_nothing_into_the_folder(
    root, workshop
):
    before = sorted(workshop.folder.rglob("*"))
    builder = UvBuilder(root, environ={"HOME": "/proc/nobody"})
    spec = EnvironmentSpec("3.11", "six==1.17.0")
    made = await builder.ready(spec, folder=workshop.folder, say=lambda _: None)
    assert run_in(made, "import six; print(six.__version__)") == "1.17.0"
    await builder.close()
    assert sorted(workshop.folder.rglob("*")) == before
    assert (root / ".uv-cache").is_dir()
    assert await UvBuilder(root).discard_unused({spec.digest}, unused_for_s=0) == []


def test_an_installer_that_is_gone_is_noticed(tmp_path):
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh")
    uv.chmod(0o700)
    builder = UvBuilder(tmp_path / "environments", uv=uv)
    builder.check()
    uv.unlink()
    with pytest.raises(Unavailable, match="uv is gone"):
        builder.check()
