"""Names of environment variables that nobody may set: they change how programs start.

Environment variables are shared: who sets one sets it for the code of everybody, and for each
program that this code starts. A variable that makes a program load or run something else would let
one user act as all. What is left out on purpose: names that say whom to trust or where to send
things (``SSL_CERT_FILE``, ``HTTPS_PROXY``, ``PIP_INDEX_URL``), sizes and switches of libraries
(``OMP_NUM_THREADS``, ``CUDA_VISIBLE_DEVICES``), and ``TZ`` and ``LC_*``, which people need.
"""

from __future__ import annotations

from headrace.core.errors import InvalidName
from headrace.core.names import check_variable_name

SERVERS_OWN = ("HEADRACE_", "CRAFT_AI_")
"""How the names begin that the server sets in each execution."""

STARTING = {
    "the dynamic linker and the C library": (
        "LD_*",
        "DYLD_*",
        "GCONV_PATH",
        "GLIBC_TUNABLES",
        "LOCPATH",
        "OPENSSL_CONF",
        "OPENSSL_ENGINES",
        "OPENSSL_MODULES",
        "CUDA_INJECTION*",
    ),
    "shells, and where programs are found": (
        "PATH",
        "HOME",
        "SHELL",
        "IFS",
        "ENV",
        "BASH_ENV",
        "BASH_FUNC_*",
        "BASHOPTS",
        "SHELLOPTS",
        "CDPATH",
        "PS4",
        "PROMPT_COMMAND",
        "ZDOTDIR",
    ),
    "interpreters": (
        "PYTHON*",
        "NODE_OPTIONS",
        "NODE_PATH",
        "PERL5*",
        "PERLLIB",
        "RUBYOPT",
        "RUBYLIB",
        "R_HOME",
        "R_PROFILE*",
        "R_ENVIRON*",
        "JAVA_TOOL_OPTIONS",
        "JDK_JAVA_OPTIONS",
        "_JAVA_OPTIONS",
        "CLASSPATH",
        "LUA_INIT*",
        "PHPRC",
        "PHP_INI_SCAN_DIR",
    ),
    "git, and what it runs": (
        "GIT_SSH*",
        "GIT_ASKPASS",
        "GIT_CONFIG*",
        "GIT_DIR",
        "GIT_EDITOR",
        "GIT_EXEC_PATH",
        "GIT_EXTERNAL_DIFF",
        "GIT_PAGER",
        "GIT_PROXY_COMMAND",
        "GIT_SEQUENCE_EDITOR",
        "GIT_TEMPLATE_DIR",
        "GIT_WORK_TREE",
        "SSH_ASKPASS",
    ),
}
"""Names that are refused, by what reads them; a star stands for any ending."""


def check_settable_name(name: str, noun: str) -> str:
    """Return ``name`` if users may set the environment variable of this name.

    Raises:
        InvalidName: No process would take it, it is the server's, or it changes how programs start.
    """
    check_variable_name(name, noun)
    if name.startswith(SERVERS_OWN):
        raise InvalidName(
            f"{name!r} is reserved: names that start with {' or '.join(SERVERS_OWN)} are set by "
            "the server in each execution. Choose another name."
        )
    reader = _reader_of(name)
    if reader is not None:
        raise InvalidName(
            f"{name!r} cannot be set: it would change how programs start in the executions of "
            f"everybody ({reader} would read it). Choose another name, or set it in the code that "
            "needs it."
        )
    return name


def _reader_of(name: str) -> str | None:
    for reader, patterns in STARTING.items():
        for pattern in patterns:
            begin = pattern.removesuffix("*")
            if name == begin or (begin != pattern and name.startswith(begin)):
                return reader
    return None
