"""Settings of a server: from options and ``HEADRACE_*`` variables, all problems said at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace.core.pipelines import MAX_CONTRACT_FOLDER_BYTES, MAX_FOLDER_BYTES
from headrace.core.proxies import read_networks
from headrace.core.repositories import HostKeys
from headrace.core.retention import Retention
from headrace.core.rights import GRANTABLE, Right
from headrace.core.values import MAX_OUTPUT_BYTES, MAX_VALUES_BYTES
from headrace.engines.ray.settings import LOCAL, read_engine
from headrace.objects.bucket.place import BucketPlace, read_place
from headrace.server.allotment import allotment
from headrace.server.amounts import kept as _kept
from headrace.server.amounts import read_bytes as _bytes
from headrace.server.data_directory import default_data_dir
from headrace.server.limits import DEFAULT_CONNECTIONS, MIN_BYTES_PER_S
from headrace.server.origins import read_origins
from headrace.server.setting_fields import read_fields, setting
from headrace.server.setting_rules import check_processes
from headrace.server.setting_texts import (
    LEVELS,
    read_count,
    read_host_url,
    read_level,
    read_path,
    read_paths,
    read_port,
    read_positive_seconds,
    read_rights,
    read_seconds,
    read_text,
    read_url,
)
from headrace.store.postgres.place import DatabasePlace, read_database

_PER_PROCESSOR = 4
_LEAST_EXECUTIONS = 8
_DEFAULT_EXECUTIONS = max(_LEAST_EXECUTIONS, _PER_PROCESSOR * allotment().processors)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a server. Each has the variable ``HEADRACE_`` and its name in capitals.

    The descriptions are the reference: ``docs/settings.md`` is made from them.
    """

    data_dir: Path = setting(
        read_path, Path("~/.headrace"), "Folder of the database, files, environments and keys."
    )
    database: DatabasePlace | None = setting(
        read_database,
        None,
        "PostgreSQL database of the records, such as "
        "postgresql://user:password@host:5432/headrace?sslmode=verify-full; by default they are in "
        "a file of the data directory.",
        has_secret=True,
    )
    master_key_file: Path | None = setting(
        read_path,
        None,
        "File of the key that seals secrets, 32 random bytes; by default master.key in the data "
        "directory.",
    )
    objects: BucketPlace | None = setting(
        read_place,
        None,
        "Bucket of the files of executions and of the data store, such as "
        "s3://bucket/prefix?endpoint=https://s3.example.com; by default they are in the data "
        "directory.",
    )
    host: str = setting(read_text, "127.0.0.1", "Address to listen on; 0.0.0.0 for all.")
    port: int = setting(read_port, 8471, "Port to listen on; 0 takes any free one.")
    public_url: str | None = setting(
        read_url,
        None,
        "Root URL under which callers reach the server, with the path if it is below one of a "
        "shared host; by default its host and port.",
    )
    processes: int = setting(read_count, 1, "How many processes take connections on the port.")
    max_connections: int | None = setting(
        read_count,
        None,
        "How many connections are open at once; by default half as many as descriptors, at most "
        f"{DEFAULT_CONNECTIONS:,}. Idle ones are closed to make room, then new ones are refused.",
    )
    max_connections_per_address: int | None = setting(
        read_count,
        None,
        "How many connections of one address are open at once; by default three quarters of "
        "max_connections.",
    )
    request_timeout_s: float = setting(
        read_positive_seconds,
        20.0,
        "Seconds in which the head of a request has to be complete, and over which the rate of "
        f"a body or an answer is measured: at least {MIN_BYTES_PER_S} bytes a second.",
    )
    idle_timeout_s: float = setting(
        read_positive_seconds,
        75.0,
        "Seconds for which a connection is kept open between two requests.",
    )
    trusted_proxies: tuple[str, ...] = setting(
        read_networks,
        (),
        "Addresses or networks of reverse proxies whose X-Forwarded-For is believed where tries to "
        "sign in are counted, separated by commas.",
    )
    cors_origins: tuple[str, ...] = setting(
        read_origins,
        (),
        "Origins whose pages may call endpoints from browsers, separated by commas; * for all.",
    )
    engine: str = setting(
        read_engine,
        LOCAL,
        "Where elastic executions run: local, on the server's own machine; ray, on the Ray cluster "
        "that this machine belongs to; ray://HOST:PORT, on the one whose head has this address.",
    )
    ray_token: str | None = setting(
        read_text, None, "Token of the Ray cluster, if it asks for one.", is_secret=True
    )
    max_executions: int = setting(
        read_count,
        _DEFAULT_EXECUTIONS,
        "How many executions run at once, each in a process of its own; the others wait in order "
        "of arrival. Calls that pods answer are not among them.",
        f"{_PER_PROCESSOR} for each processor, and at least {_LEAST_EXECUTIONS}",
    )
    execution_timeout_s: float | None = setting(
        read_seconds, None, "Longest time of one execution, in seconds; by default none."
    )
    execution_memory: int | None = setting(
        _bytes, None, "Most memory of one execution's processes together; by default no limit."
    )
    executions_may: frozenset[Right] = setting(
        read_rights,
        frozenset(),
        "What code inside executions may do besides what it always may, separated by commas: "
        f"{', '.join(GRANTABLE)}.",
    )
    start_timeout_s: float = setting(
        read_seconds,
        300.0,
        "Longest time, in seconds, of the start of an execution or a pod: importing its code, and "
        "all else until its function is called.",
    )
    execution_grace_s: float = setting(
        read_seconds, 5.0, "Seconds between asking an execution to stop and killing it."
    )
    max_log_bytes: int = setting(_bytes, 256 * 2**20, "Most log of one execution.")
    max_templates: int = setting(
        read_count, 8, "How many pipelines keep a warm template, from which executions are forked."
    )
    template_memory: int | None = setting(
        _bytes,
        None,
        "Most memory of idle templates together; by default a quarter of what the server may use.",
    )
    template_idle_s: float = setting(
        read_seconds, 600.0, "Seconds after which an idle template goes away."
    )
    max_builds: int = setting(read_count, 2, "How many environments are built at once.")
    container_engine: str | None = setting(
        read_text,
        None,
        "What builds and runs pipelines made from a Dockerfile: podman, docker, the path of one "
        "of them, or none; by default the first of podman and docker that works.",
    )
    pythons: tuple[Path, ...] = setting(
        read_paths, (), "Further Python interpreters, or folders of them, separated by colons."
    )
    unused_environment_s: float = setting(
        read_seconds, 7 * 86400.0, "Seconds after which unused environments and files are removed."
    )
    keep_executions_s: float | None = setting(
        _kept(read_seconds),
        90 * 86400.0,
        "Seconds that an execution is kept after its end, with its log and files; 0 or off: for "
        "ever.",
    )
    keep_executions: int | None = setting(
        _kept(read_count),
        1_000_000,
        "How many executions are kept; the oldest that have ended go first. 0 or off: all.",
    )
    keep_ledger_s: float | None = setting(
        _kept(read_seconds),
        400 * 86400.0,
        "Seconds that the ledger of fire times is kept; 0 or off: for ever.",
    )
    keep_files_bytes: int | None = setting(
        _kept(_bytes),
        100 * 10**9,
        "Most size of the logs and files of all executions together; those of the oldest that have "
        "ended go first, and their records stay. 0 or off: no limit.",
    )
    cache_bytes: int = setting(
        _bytes,
        10 * 10**9,
        "With HEADRACE_OBJECTS: most size of the copies of pipelines' folders that this machine "
        "keeps of those in the bucket, and of those of logs, each; those that were not used for "
        "longest go first, and what runs stays.",
    )
    keep_versions: int | None = setting(
        _kept(read_count),
        50,
        "How many versions of each pipeline keep their folder and environment, so that one can go "
        "back to them; the newest stay, and so do those that anything runs or names. 0 or off: "
        "all.",
    )
    max_folder_bytes: int = setting(
        _bytes, MAX_FOLDER_BYTES, "Most content of a pipeline's folder, unpacked."
    )
    max_contract_folder_bytes: int = setting(
        _bytes,
        MAX_CONTRACT_FOLDER_BYTES,
        "Most content of a folder that the public client craft-ai-sdk sends; never more than "
        "HEADRACE_MAX_FOLDER_BYTES.",
    )
    git_host_keys: HostKeys = setting(
        HostKeys,
        HostKeys.REMEMBER,
        "What becomes of the key of an ssh server that is not in the file known_hosts of the data "
        "directory: remember it there and refuse another one afterwards, or known: refuse it.",
        HostKeys.REMEMBER.value,
    )
    git_timeout_s: float = setting(
        read_positive_seconds, 100.0, "Longest time, in seconds, in which a git repository is read."
    )
    vector_database_url: str | None = setting(
        read_host_url,
        None,
        "URL of a Weaviate server that clients are told of: a scheme and a host, which listens on "
        "port 8080 and, for gRPC, 8082.",
    )
    vector_database_token: str | None = setting(
        read_text, None, "Token of that server, which clients are told as well.", is_secret=True
    )
    max_upload_bytes: int = setting(_bytes, 5 * 10**9, "Greatest size of one uploaded file.")
    max_input_bytes: int = setting(
        _bytes, MAX_VALUES_BYTES, "Most JSON of all input values of one execution together."
    )
    max_output_bytes: int = setting(
        _bytes,
        MAX_OUTPUT_BYTES,
        "Most JSON of all output values of one execution together; beyond it the execution fails.",
    )
    stop_grace_s: float = setting(
        read_seconds, 10.0, "Seconds that running executions get to end when the server stops."
    )
    log_level: str = setting(read_level, "info", f"One of {', '.join(LEVELS)}.")

    @property
    def vector_database(self) -> tuple[str, str] | None:
        """URL and token of the vector database, if there is one."""
        url = self.vector_database_url
        return None if url is None else (url, self.vector_database_token or "")

    @property
    def longest_end_s(self) -> float:
        """Seconds that a server may take to end: pods and executions end one after the other."""
        return 2 * (self.stop_grace_s + self.execution_grace_s) + 20

    @property
    def retention(self) -> Retention:
        """What is kept, and for how long."""
        return Retention(
            self.keep_executions_s,
            self.keep_executions,
            self.keep_ledger_s,
            self.keep_files_bytes,
            self.keep_versions,
        )

    @classmethod
    def read(cls, environ: Mapping[str, str], overrides: Mapping[str, str]) -> Settings:
        """Return the settings that variables and options give, options first.

        Args:
            environ: Environment variables.
            overrides: Text by name of setting, as options of the command line gave it.

        Raises:
            InvalidRequest: All that is wrong, in one message.
        """
        values = read_fields(cls, environ, overrides)
        if "data_dir" not in values:
            values["data_dir"] = default_data_dir()
        made = cls(**values)
        check_processes(made.processes, has_database=made.database is not None)
        return made
