"""A Ray cluster of two nodes on this machine, and tests that run on it.

``python -m tests.cluster.simulated PYTEST_ARGUMENTS…``, in a network namespace of its own, where
nothing of it can be reached from outside: Ray listens on more than loopback otherwise.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil
from tests.cluster.cluster_bench import CLUSTER, SECOND_RAYLET, TOKEN

# What is below the first process is killed with it.
APART = ("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")

_GET_FLAGS, _SET_FLAGS, _IS_UP = 0x8913, 0x8914, 0x1
_STORE_BYTES = 80 << 20
LOOP = "asyncio_default_{}_loop_scope=session"


def raise_loopback() -> None:
    """Bring up ``lo``, which is down in a new namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh", b"lo", 0)
        _, flags = struct.unpack("16sh", fcntl.ioctl(any_socket, _GET_FLAGS, request))
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh", b"lo", flags | _IS_UP))


def listeners_beyond_loopback() -> list[str]:
    """What processes of this namespace listen on addresses of other machines."""
    return [
        f"{one.laddr.ip}:{one.laddr.port}"
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr and "127.0.0.1" not in one.laddr.ip
    ]


def main(arguments: list[str]) -> int:
    raise_loopback()
    # Short, because sockets are in it.
    scratch = Path(tempfile.mkdtemp(prefix="hr-", dir="/tmp"))
    os.environ |= {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": TOKEN,
        "RAY_USAGE_STATS_ENABLED": "0",
        "HEADRACE_AGENT_DIR": str(scratch / "agents"),
    }
    from ray.cluster_utils import Cluster

    shared: dict[str, Any] = {
        "num_cpus": 1,
        "node_ip_address": "127.0.0.1",
        "object_store_memory": _STORE_BYTES,
        "include_dashboard": False,
    }
    cluster = Cluster(
        initialize_head=True, head_node_args={**shared, "temp_dir": str(scratch / "ray")}
    )
    try:
        second = cluster.add_node(**shared, num_gpus=1)
        [raylet] = second.all_processes["raylet"]
        environ = {
            **{name: text for name, text in os.environ.items() if not name.startswith("RAY_")},
            CLUSTER: cluster.address,
            SECOND_RAYLET: str(raylet.process.pid),
        }
        loops = [part for kind in ("test", "fixture") for part in ("-o", LOOP.format(kind))]
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:randomly", *loops]
        ended = subprocess.run([*command, *arguments], env=environ, check=False)
        sys.stdout.write(f"listen beyond loopback: {listeners_beyond_loopback()}\n")
        return ended.returncode
    finally:
        cluster.shutdown()
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
