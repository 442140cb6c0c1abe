"""The roster: everybody once, each with marks of their own, and machines apart."""

from __future__ import annotations

from typing import Any

import pytest

from support.checks import passes, refused
from support.repositories import Repository
from support.rosters import account_of, key_of, machine, person

ROSTER = "policies/roster.yaml"


def enrolled(repository: Repository, *entries: dict[str, Any]) -> None:
    people = [person("alice", "validator"), *(entry for entry in entries if "login" in entry)]
    machines = [entry for entry in entries if "name" in entry]
    repository.write(ROSTER, {"kind": "Roster", "people": people, "machines": machines})


@pytest.mark.parametrize("login", ["alice", "Alice", "ALICE"])
def test_one_login_twice_is_refused(repository: Repository, login: str) -> None:
    enrolled(repository, person("bob") | {"login": login})
    assert "more than once" in refused(repository, "person-twice", ROSTER, f'"{login}"').found


def test_one_account_twice_is_refused(repository: Repository) -> None:
    enrolled(repository, person("bob") | {"id": account_of("alice")})
    refused(repository, "person-twice", ROSTER, str(account_of("alice")))


def test_one_account_of_a_forge_twice_is_refused(repository: Repository) -> None:
    enrolled(repository, person("bob", accounts={"gitlab": 7}), person("carol", accounts={"gitlab": 7, "github": 7}))
    refused(repository, "person-twice", ROSTER, "7")


def test_equal_numbers_at_two_forges_are_two_accounts(repository: Repository) -> None:
    enrolled(repository, person("bob", accounts={"gitlab": 7}), person("carol", accounts={"github": 7}))
    passes(repository)


def test_a_machine_with_the_name_of_a_person_is_refused(repository: Repository) -> None:
    enrolled(repository, machine("alice", "builder", keys=[]))
    refused(repository, "person-twice", ROSTER, '"alice"')


def test_a_key_of_two_people_is_refused(repository: Repository) -> None:
    enrolled(repository, person("bob", keys=[key_of("bob"), key_of("alice") + " bob@laptop"]))
    assert "alice, bob" in refused(repository, "shared-identity", ROSTER, '"ssh-ed25519').found


def test_a_key_of_a_person_and_a_machine_is_refused(repository: Repository) -> None:
    enrolled(repository, machine("ci", "builder", keys=[{"key": key_of("alice"), "revoked": "2026-01-01"}]))
    refused(repository, "shared-identity", ROSTER, '{"key"')


def test_an_address_of_two_people_is_refused(repository: Repository) -> None:
    enrolled(repository, person("bob", emails=["ALICE@example.com"]))
    refused(repository, "shared-identity", ROSTER, '"ALICE@example.com"')


def test_the_same_mark_twice_with_one_person_is_no_harm(repository: Repository) -> None:
    enrolled(repository, person("bob", emails=["bob@example.com", "Bob@example.com"], keys=[key_of("bob")] * 2))
    passes(repository)


@pytest.mark.parametrize(
    "key",
    [
        "ssh-ed25519 AAAA…",
        "* ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICvYBsl/DgCvGh/DMo+nY6kmlyPI24+sT5OvcdsYbW6Q",
        "*@example.com,!b@x.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICvYBsl/DgCvGh/DMo+nY6kmlyPI24+sT5OvcdsYbW6Q",
        'namespaces="git" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICvYBsl/DgCvGh/DMo+nY6kmlyPI24+sT5OvcdsYbW6Q',
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAICvYBsl/DgCvGh/DMo+nY6kmlyPI24+sT5OvcdsYbW6Q",
        "ssh-dss AAAAB3NzaC1kc3MAAACBAP==",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7=",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICvYBsl/DgCvGh/DMo+nY6kmlyPI24+sT5OvcdsYbW6QAAAA",
        "ssh-ed25519",
        "nonsense",
    ],
)
def test_what_is_no_key_is_refused(repository: Repository, key: str) -> None:
    enrolled(repository, person("bob", keys=[key]))
    refused(repository, "unusable-key", ROSTER, f'"{key[:4]}' if not key.startswith("namespaces") else '"names')


def test_a_key_that_never_counts_is_refused(repository: Repository) -> None:
    enrolled(repository, person("bob", keys=[{"key": key_of("bob"), "since": "2026-11-02", "until": "2026-11-01"}]))
    refused(repository, "unusable-key", ROSTER, '{"key"')


def test_a_key_with_dates_passes(repository: Repository) -> None:
    enrolled(repository, person("bob", keys=[{"key": key_of("bob"), "until": "2026-12-01", "revoked": "2026-11-01"}]))
    passes(repository)


@pytest.mark.parametrize("login", ["*", "bob*", "bob,alice", "b ob", "воb", "bob.", "-bob", "bob@example.com", "!bob"])
def test_a_login_that_no_forge_gives_is_refused(repository: Repository, login: str) -> None:
    enrolled(repository, person("bob") | {"login": login})
    refused(repository, "pattern-in-roster", ROSTER, "")


@pytest.mark.parametrize(
    "email", ["*@example.com", "@example.com", "bob", "bob@a@b", "b?b@example.com", "a@b,c@d", "Bob <bob@x>", "bob@ x"]
)
def test_an_address_that_is_none_is_refused(repository: Repository, email: str) -> None:
    enrolled(repository, person("bob", emails=[email]))
    refused(repository, "pattern-in-roster", ROSTER, f'"{email}"')


@pytest.mark.parametrize("role", ["validator", "operator", "incident-commander"])
def test_a_machine_in_a_role_of_people_is_refused(repository: Repository, role: str) -> None:
    enrolled(repository, machine("merge-bot", "builder", role))
    refused(repository, "machine-in-human-role", ROSTER, f'"{role}"')


def test_a_machine_in_a_role_that_a_policy_asks_people_for_is_refused(repository: Repository) -> None:
    repository.change("policies/production.yaml", "approvals", "high", to={"roles": {"ethicist": 1}})
    enrolled(repository, person("bob", "ethicist"), machine("merge-bot", "ethicist"))
    refused(repository, "machine-in-human-role", ROSTER, '"ethicist"')


def test_a_machine_in_a_role_of_machines_passes(repository: Repository) -> None:
    enrolled(repository, machine("ci", "builder", "attester", emails=["ci@example.com"], id=5))
    passes(repository)
