"""Tokens come from the environment or a file that it names, and are shown to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.approvals.forges.address import ForgeKind, forge_address
from interlock.approvals.forges.github import github_api
from interlock.approvals.forges.opening import open_http, read_proposal
from interlock.approvals.forges.tokens import forge_token
from interlock.errors import UsageError


@pytest.mark.parametrize(
    ("kind", "environment", "token"),
    [
        ("github", {"GITHUB_TOKEN": "one", "GH_TOKEN": "two"}, "one"),
        ("github", {"GITHUB_TOKEN": "", "GH_TOKEN": "two"}, "two"),
        ("gitlab", {"GITLAB_TOKEN": "one", "GITHUB_TOKEN": "two"}, "one"),
        ("forgejo", {"GITEA_TOKEN": "one"}, "one"),
        ("forgejo", {"GITHUB_TOKEN": "of-somebody-else"}, ""),
    ],
)
def test_each_forge_has_its_own_variables(kind: ForgeKind, environment: dict[str, str], token: str) -> None:
    assert forge_token(kind, environment) == token


def test_a_file_beats_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"from-the-file\n")
    assert forge_token("github", {"INTERLOCK_FORGE_TOKEN_FILE": str(file), "GITHUB_TOKEN": "no"}) == "from-the-file"


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"two lines\nof-text", b"a b", b"caf\xe9", b"x" * 9000, b"secret\r\nX-Evil: 1"]
)
def test_a_file_without_a_token_is_refused_and_not_shown(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(data)
    with pytest.raises(UsageError) as error:
        forge_token("github", {"INTERLOCK_FORGE_TOKEN_FILE": str(file)})
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("path", ["/nowhere/token", "/", "a\0b"])
def test_a_file_that_cannot_be_read_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match=r"INTERLOCK_FORGE_TOKEN_FILE"):
        forge_token("github", {"INTERLOCK_FORGE_TOKEN_FILE": path})


def test_a_token_is_in_no_representation() -> None:
    api = github_api(forge_address("github:acme/adapters"), "the-secret")
    assert "the-secret" not in repr(api)
    assert "the-secret" not in repr(open_http(forge_address("github:acme/adapters"), {"GITHUB_TOKEN": "the-secret"}))


@pytest.mark.parametrize(
    ("address", "root"),
    [
        ("github:acme/adapters", "https://api.github.com"),
        ("github:https://acme.ghe.com/acme/adapters", "https://api.acme.ghe.com"),
        ("github:https://github.example.com/acme/adapters", "https://github.example.com/api/v3"),
    ],
)
def test_each_github_has_its_api_where_its_documentation_says(address: str, root: str) -> None:
    api = github_api(forge_address(address), "")
    assert api.server + api.root == root


def test_an_address_without_a_number_names_no_proposal() -> None:
    with pytest.raises(UsageError, match=r"names no proposal"):
        read_proposal(forge_address("github:acme/adapters"), {})
