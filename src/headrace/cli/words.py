"""Messages in the words of the command: options for what programs call arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping

OPTIONS = {
    "container_config[included_folders]": "--include",
    "container_config[local_folder]": "--folder",
    "container_config[requirements_path]": "--requirements",
    "container_config[system_dependencies]": "--system-dependency",
    "container_config[language]": "--language",
    "container_config[dockerfile_path]": "--dockerfile",
    "dockerfile_path": "--dockerfile",
    "included_folders": "--include",
    "included path": "--include",
    "local_folder": "--folder",
    "requirements_path": "--requirements",
    "system_dependencies": "--system-dependency",
    "function_path": "--function",
    "function_name": "--function",
    "environment_url": "--url",
    "sdk_token": "--token",
    "force_deployments_deletion": "--force",
    "pipeline_name": "NAME",
    "deployment_name": "NAME",
    "inputs_mapping": "--input",
    "outputs_mapping": "--output",
    "execution_rule": "--rule",
    "endpoint_url_path": "--url-path",
    "endpoint_token": "--endpoint-token",
    "execution_timeout_s": "--timeout",
    "retry_backoff_s": "--retry-backoff",
    "missed_window_s": "--missed-window",
    "jitter_s": "--jitter",
    "idle_timeout_s": "--idle-timeout",
    "max_queue": "--max-queue",
    "ram_request": "--ram",
    "enable_parallel_executions": "--parallel",
    "max_parallel_executions_per_pod": "--max-parallel",
    "replace_pods": "--replace-pods",
    "repeat it with force": "repeat it with --force",
    "(pipeline_version)": "(headrace deployments update NAME --version N)",
    "pipeline_version": "--version",
    "(replace)": "(headrace deploy)",
    "rollback_pipeline": "headrace rollback",
    "constant_value": "constant:VALUE",
    "environment_variable_name": "env:VARIABLE",
    "datastore_path": "store:PATH",
    "endpoint_input_name": "endpoint:NAME",
    "endpoint_output_name": "endpoint:NAME",
    "is_null": "null",
    "is_enabled": "--enable or --disable",
    "from_datetime": "--from",
    "to_datetime": "--to",
    "filepath_or_buffer": "LOCAL",
    "object_path_in_datastore": "REMOTE",
    "wait_for_completion=true": "headrace executions outputs",
}
"""What arguments of the SDK and fields of the API are called on the command line."""

FILE_KEYS = {
    "schedule": "every",
    "missed_window_s": "missed_window",
    "jitter_s": "jitter",
    "execution_timeout_s": "timeout",
    "retry_backoff_s": "retry_backoff",
    "enable_parallel_executions": "parallel",
    "max_parallel_executions_per_pod": "max_parallel",
    "ram_request": "ram",
    "idle_timeout_s": "idle_timeout",
    "pipeline_version": "version",
    "inputs_mapping": "inputs",
    "outputs_mapping": "outputs",
    "function_path": "function",
    "function_name": "function",
    "requirements_path": "requirements",
    "included path": "include",
    "local_folder": "folder",
}
"""What they are called in ``headrace.toml``."""


def _names(words: Mapping[str, str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(r"(?<![\w'\"/.-])(" + "|".join(map(re.escape, longest_first)) + r")(?!\w)")


_OPTION_NAMES = _names(OPTIONS)


def in_words_of_the_command(message: str) -> str:
    """Return a message with the names of options in place of those of arguments.

    What stands in quotes is somebody's value and stays.
    """
    return _OPTION_NAMES.sub(lambda found: OPTIONS[found[1]], message)


def in_words_of_the_file(message: str) -> str:
    """Return a message with the keys of ``headrace.toml`` in place of the names of arguments."""
    return _names(FILE_KEYS).sub(lambda found: FILE_KEYS[found[1]], message)
