"""What a call may change, and that no other call ever sees it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest

from headrace.core.outcomes import Failure, Returned
from headrace.engines.local import Bounds
from headrace_harness import confinement, kernel

FOLDER = "import os\nfrom pathlib import Path\nHERE = Path(__file__).resolve().parent\n"


def listing(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if "__pycache__" not in path.parts
    }


@pytest.mark.parametrize(
    "change",
    [
        "(HERE / 'note.txt').write_text('mine')",
        "Path('src/note.txt').write_text('mine')",
        "(HERE / 'f.py').write_text('def fn(): return {\"out\": 0}')",
        "(HERE / 'data.txt').unlink()",
        "(HERE / 'data.txt').write_text('other')",
        "os.truncate(HERE / 'data.txt', 0)",
        "os.rename(HERE / 'data.txt', HERE / 'moved.txt')",
        "os.replace(HERE / 'parts/a.txt', HERE / 'data.txt')",
        "__import__('shutil').rmtree(HERE / 'parts')",
        "os.link(HERE / 'data.txt', 'linked'); open('linked', 'w').write('through')",
        "os.symlink(HERE / 'data.txt', 'link'); open('link', 'a').write('through')",
        "os.chmod(HERE / 'parts/a.txt', 0o400)",
        "os.mkdir(HERE / 'made')",
        "(HERE / '__pycache__').mkdir(exist_ok=True); (HERE / '__pycache__/x.pyc').touch()",
        "__import__('subprocess').run(['sh', '-c', f'rm -rf {HERE}/parts'], check=True)",
    ],
)
async def test_what_a_call_changes_beside_its_file_stays_in_the_call(bench, change):
    bench.write("content", "src/data.txt")
    bench.write("a", "src/parts/a.txt")
    bench.write(
        FOLDER
        + "def state():\n"
        + "    return {str(p.relative_to(HERE)): [oct(p.stat().st_mode),"
        + " p.read_text() if p.is_file() else '']"
        + " for p in sorted(HERE.rglob('*')) if p.suffix != '.pyc'}\n"
        + "def look():\n    return {'out': state()}\n"
        + f"def change():\n    before = state()\n    {change}\n    return {{'out': before}}\n"
    )
    before = listing(bench.folder)
    seen = await bench.value("look")
    assert await bench.value("change") == seen
    assert await bench.value("change") == seen
    assert await bench.value("look") == seen
    assert listing(bench.folder) == before


async def test_calls_at_the_same_time_see_their_own_folder_alone(bench):
    bench.write(
        FOLDER
        + "import time\n"
        + "def fn(number):\n"
        + "    (HERE / 'number').write_text(str(number))\n"
        + "    time.sleep(0.3)\n"
        + "    return {'out': [(HERE / 'number').read_text(), open('src/number').read()]}\n"
    )
    await bench.value(values={"number": 0})
    found = await asyncio.gather(*(bench.value(values={"number": n}) for n in range(5)))
    assert found == [[str(n), str(n)] for n in range(5)]


async def test_calls_cannot_change_closed_folders_or_the_workspaces_of_others(bench):
    packages, outside = bench.root / "environments", bench.root / "outside"
    for folder in (packages, outside, bench.root / "workspaces", bench.root / "logs"):
        folder.mkdir(exist_ok=True)
    (packages / "installed.py").write_text("x = 1")
    bench.open(
        bounds=Bounds(
            closed=(packages, bench.root / "workspaces", bench.root / "logs"),
            open=(bench.root / "workspaces", bench.root / "logs"),
        )
    )
    bench.write("""
        import os, subprocess
        from pathlib import Path
        def attempt(write):
            try:
                write()
            except OSError as error:
                return type(error).__name__
            return 'written'
        def run(command):
            if subprocess.run(command, shell=True, stderr=subprocess.DEVNULL).returncode:
                raise OSError
        def fn(root):
            root = Path(root)
            packages = root / 'environments'
            other = root / 'workspaces/other'
            return {'out': [attempt(write) for write in (
                lambda: (packages / 'new.pth').write_text('import os'),
                lambda: (packages / 'installed.py').write_text('x = 2'),
                lambda: (packages / 'installed.py').unlink(),
                lambda: os.rename(packages / 'installed.py', packages / 'gone.py'),
                lambda: os.truncate(packages / 'installed.py', 0),
                lambda: os.link(packages / 'installed.py', 'linked'),
                lambda: (other / 'planted').write_text(''),
                lambda: (root / 'logs/planted').write_text(''),
                lambda: run(f'rm {packages}/installed.py'),
                lambda: run(f'mount -o remount,rw {packages} && touch {packages}/new'),
                lambda: run(f'umount {packages} && touch {packages}/new'),
                lambda: run(f'touch /proc/{os.getppid()}/root{packages}/new'),
            )] + [attempt(lambda: (root / 'outside/result').write_text('kept'))]}
    """)
    (bench.root / "workspaces" / "other").mkdir()
    found = await bench.value(values={"root": str(bench.root)})
    assert "written" not in found[:-1]
    assert found[-1] == "written"
    assert listing(packages) == {"installed.py": b"x = 1"}
    assert (outside / "result").read_text() == "kept"
    assert listing(bench.root / "workspaces" / "other") == {}


async def test_a_refused_write_is_explained_in_the_log(bench):
    closed = bench.root / "environments"
    closed.mkdir()
    bench.open(bounds=Bounds(closed=(closed,)))
    bench.write("""
        def fn(path):
            open(path, 'w')
    """)
    outcome, log = await bench.run(values={"path": str(closed / "x")})
    assert isinstance(outcome, Failure)
    said = [line.message for line in log if line.message.startswith("headrace: ")]
    assert len(said) == 1
    assert "shared with other runs" in said[0]
    assert "working folder" in said[0]
    outcome, log = await bench.run(values={"path": "/nowhere/at/all"})
    assert not any(line.message.startswith("headrace: ") for line in log)


async def test_an_import_cannot_change_closed_folders(bench):
    closed = bench.root / "environments"
    closed.mkdir()
    bench.open(bounds=Bounds(closed=(closed,)))
    bench.write(f"open({str(closed / 'x')!r}, 'w')\ndef fn(): return {{'out': 1}}")
    outcome, log = await bench.run()
    assert isinstance(outcome, Failure)
    assert any("shared with other runs" in line.message for line in log)
    assert listing(closed) == {}


async def test_files_that_the_import_made_are_there_in_each_call(bench):
    bench.write("""
        import json, logging, os
        os.makedirs('out', exist_ok=True)
        with open('model.json', 'w') as file:
            json.dump({'a': 1}, file)
        os.mkfifo('pipe')
        logging.basicConfig(filename='run.log', level='INFO', format='%(message)s')
        logging.info('imported')
        lines = open('model.json')
        opened = open('rows.csv', 'w')
        opened.write('head\\n')
        def fn(name):
            with open('out/report.txt', 'x') as report:
                report.write(name)
            logging.info(name)
            opened.write(name)
            opened.flush()
            return {'out': [json.load(lines), open('run.log').read(), open('rows.csv').read(),
                            os.path.exists('pipe')]}
    """)
    for name in ("first", "second"):
        found = await bench.value(values={"name": name})
        assert found == [{"a": 1}, f"imported\n{name}\n", f"head\n{name}", True]


async def test_a_call_begins_in_the_folder_that_the_import_went_to(bench):
    bench.write("""
        import os
        os.mkdir('deep')
        os.chdir('deep')
        def fn():
            open('x', 'x').close()
            return {'out': os.getcwd()}
    """)
    assert (await bench.value()).endswith("/work/deep")
    assert (await bench.value()).endswith("/work/deep")
    bench.write("import os\nos.chdir('/')\ndef fn(): return {'out': os.getcwd()}")
    assert await bench.value() == "/"
    bench.write("""
        import os
        os.mkdir('gone')
        os.chdir('gone')
        os.rmdir('../gone')
        def fn(): return {'out': os.getcwd()}
    """)
    assert (await bench.value()).endswith("/work")


@pytest.mark.parametrize(
    "opened",
    [
        "db = __import__('sqlite3').connect('x.db'); db.execute('create table t(v)'); db.commit()",
        "file = open('x', 'w+b'); file.truncate(9); db = __import__('mmap').mmap(file.fileno(), 9)",
    ],
)
async def test_a_file_that_a_fork_cannot_have_for_itself_is_opened_by_each_call(bench, opened):
    bench.write(
        opened + "\ndef fn():\n"  # noqa: S608 - no input of anybody
        "    if not hasattr(db, 'execute'):\n"
        "        db[0] += 1\n"
        "        return {'out': db[0]}\n"
        "    db.execute('insert into t values (1)')\n"
        "    db.commit()\n"
        "    return {'out': db.execute('select count(*) from t').fetchone()[0]}\n"
    )
    assert await bench.value() == 1
    assert await bench.value() == 1
    _, log = await bench.run(outputs={"out": "json"})
    assert any("cannot be forked" in line.message for line in log)


async def test_an_input_file_can_be_moved_into_the_working_folder(bench, tmp_path):
    from headrace.core.calls import InputFile

    (tmp_path / "given.txt").write_text("text")
    bench.write("""
        import os
        def fn(file):
            os.rename(file['path'], 'mine.txt')
            return {'out': {'path': 'mine.txt'}}
    """)
    outcome, log = await bench.run(
        files={"file": InputFile(tmp_path / "given.txt", "given.txt")}, outputs={"out": "file"}
    )
    assert isinstance(outcome, Returned), (outcome, log)
    assert outcome.files["out"].path.read_text() == "text"


def use_only(bench, kinds):
    """Have the bench's own copy of the harness confine in these ways alone."""
    module = bench.settings.harness_dir / "headrace_harness" / "confinement.py"
    text = module.read_text()
    assert text.count("(_Mounts, _Landlock)") == 1
    module.write_text(text.replace("(_Mounts, _Landlock)", kinds))


BESIDE = (
    FOLDER
    + "def look(): return {'out': [(HERE / 'data.txt').read_text(), open('src/data.txt').read()]}\n"
    + "def change(path):\n"
    + "    open(path, 'w').write('changed')\n"
    + "    return {'out': (HERE / 'data.txt').read_text()}\n"
    + "def fn(): return change(HERE / 'data.txt')\n"
)


@pytest.mark.skipif(kernel.landlock_version() < 2, reason="this kernel has no Landlock")
async def test_with_rules_alone_nothing_beside_the_file_can_be_changed(bench):
    use_only(bench, "(_Landlock,)")
    bench.write("sent", "src/data.txt")
    bench.write(BESIDE)
    assert await bench.value("look") == ["sent", "sent"]
    outcome, log = await bench.run()
    assert isinstance(outcome, Failure)
    assert outcome.message.startswith("PermissionError: ")
    assert [line.message for line in log if line.message.startswith("headrace: ")]
    assert await bench.value("change", values={"path": "src/data.txt"}) == "sent"
    assert await bench.value("look") == ["sent", "sent"]


async def test_where_nothing_is_enforced_each_call_still_begins_with_what_was_sent(bench):
    use_only(bench, "()")
    bench.write("sent", "src/data.txt")
    bench.write(BESIDE)
    for _ in range(2):
        assert await bench.value("look") == ["sent", "sent"]
        assert await bench.value() == "changed"
    assert await bench.value("look") == ["sent", "sent"]
    assert (bench.folder / "src/data.txt").read_text() == "sent"


def in_a_process(source: str, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", source],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environ},
    )
    return done.stdout.strip()


@pytest.mark.skipif(kernel.landlock_version() < 2, reason="this kernel has no Landlock")
def test_rules_on_paths_close_folders_where_no_mounts_can_be_made(tmp_path):
    data, home = tmp_path / "data", tmp_path / "home"
    for folder in (data / "closed", data / "run/1", data / "run/own", data / "other", home):
        folder.mkdir(parents=True)
    source = f"""
import os
from headrace_harness import confinement as c
root = {str(data)!r}
kind = c._Landlock(c.Bounds([root + '/closed', root + '/run'], [root + '/run'], root + '/run/own'))
def attempt(path):
    try:
        open(path, 'w').close()
    except PermissionError:
        return 'refused'
    return 'written'
print(attempt(root + '/closed/x'), attempt(root + '/run/own/x'), attempt(root + '/other/x'))
kind.move_in(root + '/run/1')
print(attempt(root + '/run/1/x'), attempt(root + '/run/own/y'), attempt(root + '/other/x'))
"""
    environ = {"HOME": str(home), "TMPDIR": str(home)}
    assert in_a_process(source, **environ).splitlines() == [
        "refused written written",
        "written refused written",
    ]


def test_rules_on_paths_are_not_used_where_they_would_close_the_home_folder(tmp_path):
    (tmp_path / "data").mkdir()
    source = f"""
from headrace_harness import confinement as c
try:
    c._Landlock(c.Bounds([{str(tmp_path / "data")!r}], [], '/nowhere'))
except OSError as error:
    print(error)
"""
    assert "cannot be used here" in in_a_process(source, HOME=str(tmp_path), TMPDIR="/nowhere")


def test_what_lies_beside_closed_folders_is_all_but_them_and_the_way_to_them(tmp_path):
    for name in ("a/closed/deep", "a/b", "c"):
        (tmp_path / name).mkdir(parents=True)
    found = confinement.beside([str(tmp_path / "a/closed"), str(tmp_path / "a/closed/deep")])
    inside = {path for path in found if path.startswith(str(tmp_path))}
    assert inside == {str(tmp_path / "a/b"), str(tmp_path / "c")}
    assert not any(str(tmp_path).startswith(path + "/") for path in found)
