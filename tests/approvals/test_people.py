"""Who somebody is: by account, key, address and login, and nobody where two could be meant."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.approvals.contributors import Contributor, Identified, identify
from interlock.approvals.people import Member, People, name_of
from interlock.documents.kinds.roster import Machine, Person
from interlock.documents.public_keys import key_fingerprint
from support.rosters import account_of, key_of, machine, person, roster

COMMIT, OTHER = "a" * 40, "b" * 40


def people(*entries: dict[str, Any]) -> People:
    return People.of(roster(*entries))


def called(member: Member | None) -> str:
    return name_of(member) if member else "nobody"


def test_everybody_is_found_by_each_of_their_marks() -> None:
    known = people(person("bob", "validator"), machine("ci", "builder", id=5, emails=["ci@example.com"]))
    assert called(known.by_account(account_of("bob"))) == "bob"
    assert called(known.by_email("Bob@Example.COM")) == "bob"
    assert called(known.by_key(key_fingerprint(key_of("bob")))) == "bob"
    assert called(known.by_login("BOB")) == "bob"
    assert called(known.by_account(5)) == called(known.by_email("ci@example.com")) == "ci"
    assert isinstance(known.by_login("ci"), Machine)
    assert isinstance(known.by_login("bob"), Person)
    assert known.person("ci") is None
    assert known.with_role("validator") == {"bob"}
    assert known.with_role("builder") == frozenset(), "roles of machines are no roles of people"


def test_a_retired_key_still_says_who_somebody_is() -> None:
    known = people(person("bob", keys=[{"key": key_of("bob"), "revoked": "2020-01-01"}]))
    assert called(known.by_key(key_fingerprint(key_of("bob")))) == "bob"


def test_a_key_that_is_none_identifies_nobody() -> None:
    known = people(person("bob", keys=["ssh-ed25519 AAAA…"]), person("carol", keys=["ssh-ed25519 AAAA…"]))
    assert not known.ambiguous


def test_nobody_is_known_by_an_empty_roster() -> None:
    for known in (People.of(None), people()):
        assert known.by_account(1) is known.by_email("") is known.by_key("") is known.by_login("") is None


@pytest.mark.parametrize(
    "double",
    [
        person("bob2") | {"id": account_of("bob")},
        person("bob2", emails=["x@example.com", "BOB@example.com"]),
        person("bob2", keys=[f"{key_of('bob')} on another laptop"]),
        person("bob2", keys=[{"key": key_of("bob"), "until": "2020-01-01"}]),
        person("carol") | {"login": "BOB"},
        machine("bob"),
        machine("ci", keys=[key_of("bob")]),
        machine("ci", id=account_of("bob")),
    ],
)
def test_whoever_shares_a_mark_is_nobody_by_any_mark(double: dict[str, Any]) -> None:
    known = people(person("bob", "validator"), double)
    assert known.by_account(account_of("bob")) is None
    assert known.by_email("bob@example.com") is None
    assert known.by_key(key_fingerprint(key_of("bob"))) is None
    assert known.by_login("bob") is None
    assert known.with_role("validator") == frozenset()
    assert known.is_unclear(account_of("bob"))
    assert not known.is_unclear(4711)
    assert known.shared


def test_accounts_of_several_forges_are_told_apart_as_soon_as_one_is_written() -> None:
    known = people(person("bob", accounts={"gitlab": 7}), person("carol"))
    assert called(known.by_account(7, "gitlab")) == "bob"
    assert known.by_account(account_of("carol"), "gitlab") is None, "her number at another forge"
    assert called(known.by_account(account_of("carol"), "github")) == "carol"
    assert called(known.by_account(account_of("carol"))) == "carol"
    assert known.by_account(7) is None


def test_a_contributor_is_known_by_the_strongest_mark() -> None:
    known = people(person("bob"), person("carol"))
    forged = Contributor("Carol", "carol@example.com", "signer", COMMIT, key=key_fingerprint(key_of("bob")))
    assert identify([forged], known).people == {"bob"}
    forged = Contributor("Carol", "carol@example.com", "pusher", account=account_of("bob"))
    assert identify([forged], known).people == {"bob"}


def test_a_stranger_s_signature_proves_nothing() -> None:
    known = people(person("bob"))
    made = [
        Contributor("Bob", "bob@example.com", "author", COMMIT),
        Contributor("", "", "signer", COMMIT, key="SHA256:x"),
    ]
    found = identify(made, known)
    assert found.unproven == (COMMIT,)
    assert [one.key for one in found.unknown] == ["SHA256:x"]


def test_a_signature_proves_its_own_commit_only() -> None:
    known = people(person("bob"))
    key = key_fingerprint(key_of("bob"))
    made = [Contributor("Bob", "bob@example.com", "author", commit) for commit in (COMMIT, OTHER)]
    assert identify([*made, Contributor("", "", "signer", COMMIT, key=key)], known).unproven == (OTHER,)


def test_all_pushers_prove_every_commit_and_some_of_them_prove_none() -> None:
    known = people(person("bob"), person("carol"))
    made = [Contributor("Bob", "bob@example.com", "author", commit) for commit in (COMMIT, OTHER)]
    every = identify([*made, Contributor("", "", "pusher", account=account_of("carol"))], known)
    assert every.unproven == ()
    assert every.people == {"bob", "carol"}
    some = identify([*made, Contributor("", "", "seen-pusher", account=account_of("carol"))], known)
    assert some.unproven == (COMMIT, OTHER)
    assert some.people == {"bob", "carol"}


def test_a_forge_that_commits_for_others_is_nobody_s_hand() -> None:
    known = people(person("bob"), machine("web", "forge", emails=["noreply@example.com"]))
    by_bob = [
        Contributor("Bob", "bob@example.com", "author", COMMIT),
        Contributor("Forge", "noreply@example.com", "committer", COMMIT),
        Contributor("", "", "signer", COMMIT, key=key_fingerprint(key_of("web"))),
    ]
    found = identify(by_bob, known)
    assert found == Identified(people=frozenset({"bob"}))
    by_nobody = [Contributor("Forge", "noreply@example.com", how, COMMIT) for how in ("author", "committer")]
    assert identify([*by_nobody, by_bob[2]], known).unproven == (COMMIT,)


def test_two_parts_of_a_change_are_joined() -> None:
    known = people(person("bob"), machine("ci"))
    one = identify([Contributor("Bob", "bob@example.com", "author", COMMIT)], known)
    other = identify([Contributor("", "", "signer", OTHER, key=key_fingerprint(key_of("ci")))], known)
    both = one.with_others(other)
    assert both.everybody == {"bob", "ci"}
    assert both.unproven == (COMMIT,)
