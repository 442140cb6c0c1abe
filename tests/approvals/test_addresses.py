"""The address of a repository or a proposal on a forge: one way to read it, and nothing that points elsewhere."""

from __future__ import annotations

import pytest

from interlock.approvals.forges.address import ForgeAddress, forge_address

GITHUB, GITLAB = "https://github.com", "https://gitlab.com"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("github:acme/adapters#12", ForgeAddress("github", GITHUB, "acme/adapters", 12)),
        ("github:acme/adapters", ForgeAddress("github", GITHUB, "acme/adapters")),
        ("gitlab:acme/ml/adapters!7", ForgeAddress("gitlab", GITLAB, "acme/ml/adapters", 7)),
        (
            "github:https://github.example.com:8443/acme/adapters#1",
            ForgeAddress("github", "https://github.example.com:8443", "acme/adapters", 1),
        ),
        (
            "forgejo:https://git.example.com/acme/adapters.git#3",
            ForgeAddress("forgejo", "https://git.example.com", "acme/adapters", 3),
        ),
        ("gitea:http://127.0.0.1:3000/a/b", ForgeAddress("forgejo", "http://127.0.0.1:3000", "a/b")),
        ("forgejo:http://[::1]:3000/a/b", ForgeAddress("forgejo", "http://[::1]:3000", "a/b")),
    ],
)
def test_an_address_is_read(text: str, address: ForgeAddress) -> None:
    assert forge_address(text) == address


@pytest.mark.parametrize("text", ["github:acme/adapters#12", "forgejo:https://git.example.com/a/b#3", "gitlab:a/b/c"])
def test_an_address_is_shown_as_it_is_written(text: str) -> None:
    assert str(forge_address(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "acme/adapters#12",
        "bitbucket:acme/adapters#12",
        "github:",
        "github:acme",
        "github:acme/adapters/more",
        "github:acme/..#1",
        "github:../adapters#1",
        "github:acme/adap%2fters",
        "github:acme/-rf",
        "github:acme/adapters#",
        "github:acme/adapters#0",
        "github:acme/adapters#-1",
        "github:acme/adapters#１",
        "github:acme/adapters#1#2",
        "github:acme/adapters#1?state=open",
        "github:acme/adapters\n#1",
        "github:http://github.example.com/acme/adapters#1",
        "github:ftp://github.example.com/acme/adapters#1",
        "github:https://token@github.example.com/acme/adapters#1",
        "github:https://a:b@github.example.com/acme/adapters#1",
        "github:https://git hub/acme/adapters",
        "github:https://github.example.com:99999/acme/adapters",
        "github:https://[::1/acme/adapters",
        "forgejo:acme/adapters#1",
        "gitlab:" + "/".join("abcdefghijklmnopqrstuvwxyz"),
        "github:acme/" + "a" * 3000,
    ],
)
def test_what_could_be_read_in_another_way_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write|secrets|https"):
        forge_address(text)
