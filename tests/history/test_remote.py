"""Addresses: what git could take for an option or a command is refused before git sees it, and secrets stay secret."""

from __future__ import annotations

import pytest

from interlock.errors import UsageError
from interlock.history.mirror import Remote

TOKEN = "ghs_notARealToken"


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/ml/adapters.git",
        "https://git.example.com:8443/ml/adapters",
        "https://deploy@git.example.com/ml/adapters",
        "ssh://git@git.example.com:2222/ml/adapters.git",
        "ssh://git@[fd00::1]/ml/adapters.git",
        "git@git.example.com:ml/adapters.git",
        "file:///srv/git/adapters.git",
        "/srv/git/adapters.git",
        "http://127.0.0.1:3000/ml/adapters.git",
        "http://localhost/ml/adapters.git",
        "http://[::1]:80/ml/adapters.git",
    ],
)
def test_an_ordinary_address_is_taken(url: str) -> None:
    assert Remote(url, "main").url == url


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% /tmp/pwned",
        "ext::sh",
        "fd::7",
        "--upload-pack=touch /tmp/pwned",
        "-oProxyCommand=touch",
        "ssh://-oProxyCommand=touch/x",
        "ssh://git@-oProxyCommand=touch/x",
        "-x@host:path",
        "git@-oProxyCommand=touch:path",
        "https://-x/y",
        "git://git.example.com/ml/adapters.git",
        "http://git.example.com/ml/adapters.git",
        "http://127.0.0.1.example.com/x",
        "http://localhost@git.example.com/x",
        "ftp://git.example.com/x",
        "relative/path",
        "../remote.git",
        "C:\\adapters",
        "https://git.example.com",
        "https://git.example.com/a b",
        "https://git.example.com/a\nb",
        "https://git.example.com/a\x00b",
        "https://git.example.com/a\n",
        "",
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="is not an address that Interlock fetches from") as error:
        Remote(url, "main")
    assert "https://HOST/" in error.value.expected


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{TOKEN}@git.example.com/x",
        f"https://:{TOKEN}@git.example.com/x",
        f"http://user:{TOKEN}@git.example.com/x",
        f"ssh://git:{TOKEN}@git.example.com/x",
    ],
)
def test_an_address_with_a_password_is_refused_without_printing_it(url: str) -> None:
    with pytest.raises(UsageError, match="has a password in it") as error:
        Remote(url, "main")
    assert TOKEN not in str(error.value)
    assert "remote.token_file" in error.value.remedy


@pytest.mark.parametrize("branch", ["main", "release/2026-11", "v1.2", "a_b"])
def test_an_ordinary_branch_is_taken(branch: str) -> None:
    assert Remote("/srv/x.git", branch).ref == f"refs/heads/{branch}"


@pytest.mark.parametrize(
    "branch",
    ["", "-main", "--upload-pack=x", "a..b", "a b", "a\nb", "main\n", "a:b", "+main", "a~1", "a^", "a*", "a?", "a[b",
     "a\\b", "@", "main.lock", "x.lock/y", "a//b", "/main", "main/", "a/.b", ".a", "main.", "x" * 300, "ö"],
)  # fmt: skip
def test_any_other_branch_is_refused(branch: str) -> None:
    with pytest.raises(UsageError, match="is not a branch name"):
        Remote("/srv/x.git", branch)


def test_a_token_is_not_in_what_is_printed_of_a_remote() -> None:
    assert TOKEN not in repr(Remote("https://git.example.com/x", "main", TOKEN))


def test_without_a_token_nothing_is_sent() -> None:
    assert Remote("https://git.example.com/x", "main").secrets == {}


def test_plain_http_is_spoken_to_this_machine_only() -> None:
    assert "http" not in Remote("https://git.example.com/x", "main").transports.split(":")
    assert "http" in Remote("http://127.0.0.1:1/x", "main").transports.split(":")
