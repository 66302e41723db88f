"""What a server finds around it: limits of control groups, disks that keep nothing, its user."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.conftest import HEADRACE, clean_environ

from headrace.server import surroundings
from headrace.server.allotment import Allotment, allotment

GIB = 1 << 30
FEW = 300 * 2**20


def kernel(folder: Path, groups: str, mounts: str, **files: str) -> Path:
    """Write what the kernel says of a process and of its groups, below ``folder``."""
    (folder / "cgroup").write_text(groups)
    (folder / "mountinfo").write_text(mounts.replace("MOUNT", str(folder)))
    for name, text in files.items():
        file = folder / name.replace("__", "/").replace("DOT", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def test_without_control_groups_it_is_the_machine(tmp_path: Path) -> None:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    expected = Allotment(len(os.sched_getaffinity(0)), machine, is_limited=False)
    assert allotment(tmp_path) == expected
    assert allotment(kernel(tmp_path, "0::/\n", "")) == expected


def test_the_lowest_limit_of_all_groups_above_counts(tmp_path: Path) -> None:
    proc = kernel(
        tmp_path,
        "0::/pods/one/server\n",
        "30 23 0:26 / MOUNT/unified rw - cgroup2 cgroup2 rw\n",
        unified__pods__one__server__memoryDOTmax="max\n",
        unified__pods__one__memoryDOTmax=f"{FEW}\n",
        unified__pods__memoryDOTmax=f"{2 * FEW}\n",
        unified__pods__one__server__cpuDOTmax="max 100000\n",
        unified__pods__cpuDOTmax="50000 100000\n",
    )
    assert allotment(proc) == Allotment(1, FEW, is_limited=True)


def test_in_a_container_the_mount_is_the_group(tmp_path: Path) -> None:
    proc = kernel(
        tmp_path,
        "9:memory:/engine/abc\n8:cpu,cpuacct:/engine/abc\n0::/\n",
        "40 23 0:30 /engine/abc MOUNT/memory ro - cgroup cgroup rw,memory\n"
        "41 23 0:31 /elsewhere MOUNT/cpu ro - cgroup cgroup rw,cpu,cpuacct\n",
        memory__memoryDOTlimit_in_bytes=f"{FEW}\n",
        cpu__cpuDOTcfs_quota_us="100000\n",
        cpu__cpuDOTcfs_period_us="100000\n",
    )
    assert allotment(proc) == Allotment(1, FEW, is_limited=True)


def test_no_limit_in_the_first_version_is_none(tmp_path: Path) -> None:
    proc = kernel(
        tmp_path,
        "9:memory:/\n8:cpu:/\n",
        "40 23 0:30 / MOUNT/memory ro - cgroup cgroup rw,memory\n"
        "41 23 0:31 / MOUNT/cpu ro - cgroup cgroup rw,cpu\n",
        memory__memoryDOTlimit_in_bytes="9223372036854771712\n",
        cpu__cpuDOTcfs_quota_us="-1\n",
        cpu__cpuDOTcfs_period_us="100000\n",
    )
    assert allotment(proc) == allotment(tmp_path / "nothing")


MOUNTS = r"""
22 1 0:5 / / rw - overlay overlay rw
23 22 0:6 / /var/lib/headrace rw - ext4 /dev/sda1 rw
24 22 0:7 / /tmp rw - tmpfs tmpfs rw
25 22 0:8 / /with\040space rw - xfs /dev/sdb1 rw
26 22 0:9 / /with\040space rw - tmpfs tmpfs rw
""".lstrip()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/opt/data", "overlay"),
        ("/var/lib/headrace/data", "ext4"),
        ("/tmp/data", "tmpfs"),  # noqa: S108 - not written to
        ("/with space/data", "tmpfs"),
    ],
)
def test_a_path_is_on_the_nearest_mount(tmp_path: Path, path: str, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert surroundings.file_system_of(Path(path), mounts) == kind
    assert surroundings.file_system_of(Path(path), tmp_path / "nothing") == ""


def check(data_dir: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HEADRACE, "check", "--data-dir", data_dir],
        env={**clean_environ(), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_check_says_what_is_missing_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = check(tmp_path / "data", TMPDIR=str(tmp_path / "gone"))
    assert done.returncode == 0, done.stderr
    assert "of memory" in done.stdout
    assert f"{tmp_path / 'gone'} cannot be written to (no such file or directory)" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_made_is_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = check(tmp_path / "file" / "below" / "data")
    assert done.returncode == 3
    assert f"{tmp_path / 'file'} cannot be used: not a directory" in " ".join(done.stderr.split())
    assert "choose another data directory" in " ".join(done.stderr.split())


def test_little_memory_and_a_user_without_a_name_are_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(surroundings, "allotment", lambda: Allotment(1, FEW, is_limited=True))
    monkeypatch.setattr(os, "geteuid", lambda: 3_999_999_999)
    said = "\n".join(surroundings.surroundings(tmp_path))
    assert "1 processor and 0.3 GB of memory, by the limit of its control group: that is" in said
    assert "user 3999999999 has no name on this machine" in said
    monkeypatch.setenv("USER", "any")
    assert "no name" not in "\n".join(surroundings.surroundings(tmp_path))
