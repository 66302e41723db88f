"""What engines are told: limits, who a process works for, which pods a plan can keep."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from headrace.core.calls import Code, Limits
from headrace.core.credentials import Addresses, Holder, no_credential
from headrace.core.errors import Unauthenticated
from headrace.core.filenames import MAX_FILENAME_BYTES, shortened, usable_filename
from headrace.core.pipelines import Calling
from headrace.core.pods import PodPlan
from headrace.core.rights import EVERYTHING, GRANTABLE, IN_EXECUTIONS, Right
from headrace.core.scopes import ANYBODY, ENDPOINT_CALLER, SERVER, Scope
from headrace.core.tokens import MARK, User, mint_token, same_token, token_digest
from headrace.core.values import DataType

PLAN = PodPlan("d", "1", Code("env", "bundle", "main.py", "fn"), {}, Path("log"))


@pytest.mark.parametrize(
    ("own", "other", "tighter"),
    [(None, None, None), (None, 2.0, 2.0), (2.0, None, 2.0), (2.0, 1.0, 1.0), (1.0, 2.0, 1.0)],
)
def test_of_two_times_the_tighter_holds(
    own: float | None, other: float | None, tighter: float | None
) -> None:
    assert Limits(timeout_s=own, grace_s=1).within(other) == Limits(timeout_s=tighter, grace_s=1)


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAN, generation="2"),
        replace(PLAN, code=Code("env", "other", "main.py", "fn")),
        replace(PLAN, code=Code("env", "bundle", "main.py", "fn", calling=Calling.TYPED)),
        replace(PLAN, outputs={"out": DataType.JSON}),
        replace(PLAN, owner="somebody"),
        replace(PLAN, log=Path("elsewhere")),
        replace(PLAN, log_bytes=1),
        replace(PLAN, max_parallel=2),
    ],
)
def test_a_pod_is_not_kept_for_what_it_was_not_started_for(other: PodPlan) -> None:
    assert not PLAN.fits(other)


def test_code_says_how_it_is_called() -> None:
    assert not PLAN.code.is_typed
    assert replace(PLAN.code, calling=Calling.TYPED).is_typed


def test_a_pod_is_kept_where_only_numbers_change() -> None:
    assert PLAN.fits(replace(PLAN, count=3, timeout_s=1.0, max_queue=1, variables={"A": "1"}))
    parallel = replace(PLAN, max_parallel=2)
    assert parallel.fits(replace(parallel, max_parallel=9))


def test_clients_find_the_server_under_both_names() -> None:
    found = Addresses("http://e", "http://c").variables(SDK_TOKEN="t")
    assert found == {
        f"{prefix}_{name}": value
        for prefix in ("CRAFT_AI", "HEADRACE")
        for name, value in (
            ("ENVIRONMENT_URL", "http://e"),
            ("CONTROL_URL", "http://c"),
            ("SDK_TOKEN", "t"),
        )
    }


def test_no_credential_opens_nothing() -> None:
    credential = no_credential(Holder("u1"))
    credential.revoke()
    assert credential.variables == {}


@pytest.mark.parametrize("scope", [SERVER, ANYBODY, ENDPOINT_CALLER])
def test_nobody_is_no_user(scope: Scope) -> None:
    assert not scope.is_inside
    with pytest.raises(Unauthenticated, match="needs an access token"):
        _ = scope.user


def test_code_inside_has_a_user_and_fewer_rights() -> None:
    ada = User("u1", "ada", "ada@example.com")
    inside = Scope(ada, IN_EXECUTIONS, "e1", "an execution")
    assert inside.is_inside
    assert inside.user == ada
    assert inside.may < SERVER.may == EVERYTHING
    assert ENDPOINT_CALLER.may == {Right.RUN}


def test_an_operator_cannot_grant_what_stays_with_users() -> None:
    assert {Right.TOKENS, Right.PROJECT}.isdisjoint(IN_EXECUTIONS | set(GRANTABLE))


def test_tokens_can_be_recognised_and_only_their_digests_are_kept() -> None:
    token = mint_token()
    assert token.startswith(MARK)
    assert token != mint_token()
    assert token not in token_digest(token)
    assert same_token(token, token)
    assert not same_token(token, token[:-1] + "é")


@pytest.mark.parametrize(
    ("sent", "usable"),
    [
        ("a.csv", "a.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\a.csv", "a.csv"),
        (" a\x00\n.csv . .", "a.csv"),
        ("..", "file"),
        ("", "file"),
        ("folder/", "file"),
    ],
)
def test_a_sent_name_becomes_one_that_file_systems_take(sent: str, usable: str) -> None:
    assert usable_filename(sent, "file") == usable


def test_a_long_name_keeps_its_suffix_and_whole_characters() -> None:
    assert shortened("é" * 150 + ".csv") == "é" * 98 + ".csv"
    assert shortened("a" * 300) == "a" * MAX_FILENAME_BYTES
    assert shortened("a." + "b" * 300) == "a." + "b" * (MAX_FILENAME_BYTES - 2)


def test_pods_go_on_as_they_are_with_the_limits_of_another_plan() -> None:
    other = replace(PLAN, generation="2", count=3, timeout_s=7.0, max_queue=9, variables={"A": "b"})
    within = PLAN.within(other)
    assert PLAN.fits(within)
    assert replace(within, generation="2") == other


@pytest.mark.parametrize(
    ("has", "asked", "after"), [(None, 4, None), (4, None, 4), (4, 6, 6), (None, None, None)]
)
def test_pods_for_one_call_at_a_time_stay_so_and_parallel_ones_too(
    has: int | None, asked: int | None, after: int | None
) -> None:
    plan = replace(PLAN, max_parallel=has)
    assert plan.within(replace(PLAN, max_parallel=asked)).max_parallel == after
