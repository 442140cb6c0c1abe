"""A key ring: whose key it is by the roster, and why a key counts for nobody."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from interlock.approvals.keys import Holder, KeyRing
from interlock.documents.kinds.roster import Roster
from support.signing_keys import SigningKey, make_key

NOW = dt.date(2026, 11, 25)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return make_key(tmp_path_factory.mktemp("key"), "alice")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return make_key(tmp_path_factory.mktemp("key"), "other")


def ring(people: list[dict[str, Any]], machines: list[dict[str, Any]] | None = None) -> KeyRing:
    return KeyRing.of(Roster.model_validate({"kind": "Roster", "people": people, "machines": machines or []}), NOW)


def person(login: str, *keys: object, roles: tuple[str, ...] = ("validator",)) -> dict[str, Any]:
    number = sum(map(ord, login))
    return {"login": login, "id": number, "emails": [f"{login}@example.com"], "keys": list(keys), "roles": list(roles)}


def test_a_key_belongs_to_the_person_who_has_it(key: SigningKey) -> None:
    found = ring([person("alice", key.public + " alice@laptop")]).holder(key.fingerprint)
    assert found == Holder("alice", is_machine=False, roles=frozenset({"validator"}))


def test_a_machine_is_told_apart_from_a_person(key: SigningKey) -> None:
    found = ring([], [{"name": "trainer-ci", "keys": [key.public], "roles": ["builder"]}])
    assert found.holder(key.fingerprint) == Holder("trainer-ci", is_machine=True, roles=frozenset({"builder"}))
    assert found.with_role("builder") == {key.fingerprint}
    assert found.with_role("validator") == frozenset()


def test_a_stranger_s_key_is_nobody_s(key: SigningKey, other: SigningKey) -> None:
    found = ring([person("alice", key.public)])
    assert found.holder(other.fingerprint) is None
    assert found.why_not(other.fingerprint) == f"nobody in the roster holds the key {other.fingerprint}"
    assert KeyRing.of(None, NOW).holder(key.fingerprint) is None


def test_a_key_that_two_hold_says_nothing_about_either(key: SigningKey) -> None:
    found = ring([person("alice", key.public), person("bob", key.public + " mine")])
    assert found.holder(key.fingerprint) is None
    assert "is given to alice and bob" in found.why_not(key.fingerprint)


def test_the_same_key_twice_under_one_person_is_one_key(key: SigningKey) -> None:
    assert ring([person("alice", key.public, key.public + " again")]).holder(key.fingerprint)


def test_a_key_that_cannot_be_read_is_nobody_s_and_harms_no_other(key: SigningKey) -> None:
    found = ring([person("alice", "ssh-ed25519 nonsense", key.public), person("bob", "* " + key.public)])
    assert (holder := found.holder(key.fingerprint))
    assert holder.name == "alice"


def test_a_key_of_gpg_is_held_by_its_fingerprint() -> None:
    found = ring([person("alice", "openpgp:" + "ab" * 20)])
    assert (holder := found.holder("openpgp:" + "AB" * 20))
    assert holder.name == "alice"


@pytest.mark.parametrize(
    ("dates", "why"),
    [
        ({}, ""),
        ({"until": dt.date(2026, 11, 25)}, ""),
        ({"until": dt.date(2026, 11, 24)}, "ended on 2026-11-24"),
        ({"since": dt.date(2026, 11, 25)}, ""),
        ({"since": dt.date(2026, 11, 26)}, "counts only from 2026-11-26"),
        ({"revoked": dt.date(2026, 11, 1)}, "was revoked on 2026-11-01"),
        ({"revoked": dt.date(2027, 1, 1), "until": dt.date(2028, 1, 1)}, "was revoked on 2027-01-01"),
    ],
)
def test_a_key_counts_by_what_today_knows_of_it(key: SigningKey, dates: dict[str, dt.date], why: str) -> None:
    found = ring([person("alice", {"key": key.public, **dates})])
    assert found.why_not(key.fingerprint) == (f"alice's key {key.fingerprint} {why}" if why else "")
    assert found.taken_back(key.fingerprint) == found.why_not(key.fingerprint)
    assert (found.holder(key.fingerprint) is None) == bool(why)


def test_a_key_written_twice_counts_by_its_strictest_line(key: SigningKey) -> None:
    found = ring([person("alice", key.public, {"key": key.public, "revoked": dt.date(2026, 11, 1)})])
    assert "was revoked" in found.why_not(key.fingerprint)


def test_a_ring_takes_nothing_back_from_a_stranger(key: SigningKey, other: SigningKey) -> None:
    assert ring([person("alice", key.public)]).taken_back(other.fingerprint) == ""
