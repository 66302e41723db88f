"""Which git repositories may be asked for, and how their URLs are shown."""

from __future__ import annotations

import pytest

from headrace.core.errors import InvalidRequest
from headrace.core.repositories import (
    Repository,
    check_repository,
    password_in,
    shown_url,
)

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a/b.git",
        "https://user:password@example.org:8443/b",
        "ssh://git@example.org:2222/srv/b.git",
        "git@example.org:a/b.git",
        "example.org:/srv/b.git",
        "file:///srv/git/b.git",
    ],
)
def test_repositories_are_reached_by_https_ssh_and_file(url: str) -> None:
    wanted = Repository(url, "release/1.2", KEY)
    assert check_repository(wanted, "") is wanted


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/srv/git/b.git",
        "../b.git",
        "http://example.org/b.git",
        "git://example.org/b.git",
        "ext::sh -c 'touch /tmp/x'",
        "ext::sh",
        "--upload-pack=touch",
        "-oProxyCommand=touch@example.org:b",
        "https://",
        "ssh:///b",
        "https://example.org/a\nb",
        "ssh://git:password@example.org/b.git",
        "https://example.org/" + "x" * 2000,
    ],
)
def test_other_urls_are_refused_by_the_name_of_the_field(url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^container_config\.repository_url "):
        check_repository(Repository(url), "container_config.")


@pytest.mark.parametrize("branch", ["", "-x", "a..b", "a b", "a:b", "x.lock", "a@{1}", "x" * 251])
def test_names_that_mean_more_than_a_branch_are_refused(branch: str) -> None:
    with pytest.raises(InvalidRequest, match="repository_branch"):
        check_repository(Repository("https://example.org/b", branch), "")


def test_a_public_key_is_no_deploy_key() -> None:
    with pytest.raises(InvalidRequest, match="repository_deploy_key must be a private ssh key"):
        check_repository(Repository("git@example.org:b", None, "ssh-ed25519 AAAA"), "")


@pytest.mark.parametrize(
    ("url", "secret", "shown"),
    [
        ("https://me:s%40x@h/b", "s%40x", "https://me:***@h/b"),
        ("https://token@h/b", "token", "https://***@h/b"),
        ("ssh://git@h/b", None, "ssh://git@h/b"),
        ("git@h:b", None, "git@h:b"),
        ("https://h/b", None, "https://h/b"),
    ],
)
def test_passwords_are_not_shown(url: str, secret: str | None, shown: str) -> None:
    assert password_in(url) == secret
    assert shown_url(url) == shown
    assert "token" not in repr(Repository(url, deploy_key="token"))


def test_nothing_is_shown_of_no_repository() -> None:
    assert shown_url(None) is None
