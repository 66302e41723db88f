"""Messages about versions in the words of the command."""

from __future__ import annotations

import pytest

from headrace.cli.words import in_words_of_the_command
from headrace.control.transactions.pipelines import taken
from headrace.core.compatibility import Break, refuse
from headrace.core.errors import BreakingChange


def test_what_would_break_names_the_option_that_pins() -> None:
    with pytest.raises(BreakingChange) as refused:
        refuse("p", 2, [Break("d", "input", "pipeline_version", "is gone")])
    said = in_words_of_the_command(refused.value.message)
    assert "input 'pipeline_version' is gone" in said
    assert "to a version (headrace deployments update NAME --version N), or repeat" in said
    assert said.endswith("repeat it with --force.")


def test_a_name_that_is_taken_names_the_command_that_makes_a_version() -> None:
    assert in_words_of_the_command(taken("p").message).endswith("of it (headrace deploy).")
