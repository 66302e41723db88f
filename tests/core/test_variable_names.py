"""Which environment variables users may set."""

from __future__ import annotations

import pytest

from headrace.core.errors import InvalidName
from headrace.core.variables import check_settable_name

REFUSED = [
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_ANYTHING_NEW",
    "DYLD_INSERT_LIBRARIES",
    "GLIBC_TUNABLES",
    "GCONV_PATH",
    "OPENSSL_CONF",
    "PATH",
    "HOME",
    "IFS",
    "ENV",
    "BASH_ENV",
    "BASH_FUNC_x",
    "SHELLOPTS",
    "PS4",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONHOME",
    "PYTHONBREAKPOINT",
    "PYTHON_GIL",
    "NODE_OPTIONS",
    "PERL5LIB",
    "PERL5OPT",
    "RUBYOPT",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_COUNT",
    "GIT_EXEC_PATH",
    "HEADRACE_ENGINE",
    "CRAFT_AI_SDK_TOKEN",
]

TAKEN = [
    "A",
    "DATABASE_URL",
    "RECETTE_VAR_ENV_INPUT1",
    "PATHS",
    "MY_PATH",
    "HOMEPAGE",
    "ENVIRONMENT",
    "ENV_NAME",
    "LDAP_HOST",
    "GIT_TOKEN",
    "GIT_COMMIT",
    "GITHUB_TOKEN",
    "NODE_ENV",
    "JAVA_HOME",
    "TZ",
    "LC_ALL",
    "OMP_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "HTTPS_PROXY",
    "PIP_INDEX_URL",
    "PYPI_TOKEN",
    "ld_preload",
    "HEADRACE",
    "CRAFT_AIR",
]


@pytest.mark.parametrize("name", REFUSED)
def test_what_changes_how_programs_start_is_refused(name: str) -> None:
    with pytest.raises(InvalidName, match=name):
        check_settable_name(name, "environment_variables")


@pytest.mark.parametrize("name", TAKEN)
def test_other_names_are_taken(name: str) -> None:
    assert check_settable_name(name, "environment_variables") == name
