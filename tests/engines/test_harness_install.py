"""The harness is copied whole, alone, and once, and stands on its own feet."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from headrace.engines.local import install_harness


def test_installing_at_the_same_time_gives_one_complete_folder(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: install_harness(tmp_path), range(8)))
    assert [*tmp_path.iterdir()] == [*folders]
    (folder,) = folders
    assert [entry.name for entry in folder.iterdir()] == ["headrace_harness"]
    assert (folder / "headrace_harness" / "__main__.py").exists()


def test_every_module_imports_without_site_packages(tmp_path):
    folder = install_harness(tmp_path)
    names = [module.stem for module in (folder / "headrace_harness").glob("*.py")]
    script = (
        f"import sys; sys.path.append({str(folder)!r})\nimport importlib\n"
        f"for name in {names!r}: importlib.import_module('headrace_harness.' + name)\n"
        "assert not any(name == 'headrace' or name.startswith('headrace.') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", script], check=True)


async def test_another_headrace_in_the_users_environment_does_not_disturb(bench):
    for package in ("headrace", "headrace_harness"):
        bench.write("raise ImportError('the wrong one')", f"{package}/__init__.py")
    bench.write("import sys\ndef fn(): return {'out': 'headrace' in sys.modules}")
    assert await bench.value() is False
