"""Envelopes and statements with anything in them: exactly what was signed, or refused with a sentence; no third way."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import strategies as st

from fuzz.budget import cases
from fuzz.damage import damaged
from fuzz.mutation import mutated
from fuzz.reading import assert_worded
from interlock.approvals.keys import KeyRing
from interlock.approvals.ssh_wire import string
from interlock.approvals.statements import ApprovalStatement, Attestation, read
from interlock.checking.signed_statements import Verified, verified
from interlock.documents.kinds.roster import Person, Roster
from interlock.errors import EvidenceError
from interlock.evidence.dsse import IN_TOTO, envelope, open_envelope, pae

NOW = dt.datetime(2026, 11, 25, 9, 30, tzinfo=dt.UTC)
_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
_BLOB = string(b"ssh-ed25519") + string(_KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
_LINE = f"ssh-ed25519 {base64.b64encode(_BLOB).decode()}"
_BOB = Person(login="bob", id=1, emails=("bob@example.com",), keys=(_LINE,), roles=("validator",))
RING = KeyRing.of(Roster(kind="Roster", people=(_BOB,)), NOW.date())
APPROVAL = ApprovalStatement(
    target_ref="refs/heads/main",
    tree="a" * 40,
    from_commit="b" * 40,
    through=("c" * 40,),
    manifests={"adapters/x/revisions/2.yaml": "sha256:" + "1" * 64},
    policy_digest="sha256:" + "0" * 64,
    environment="production",
    made=NOW,
)
ATTESTATION = Attestation(
    target_ref="refs/heads/main",
    tree="a" * 40,
    commit="d" * 40,
    from_commit="b" * 40,
    result="PASSED",
    policy_digest="sha256:" + "0" * 64,
    environments=("production",),
    quorum="enough",
    verifier_version="1",
    time_verified=NOW,
)


def _signed(payload: bytes, namespace: str) -> bytes:
    """What `ssh-keygen -Y sign` would make of it, in an envelope."""
    digest = hashlib.sha512(pae(IN_TOTO, payload)).digest()
    message = b"SSHSIG" + b"".join(map(string, (namespace.encode(), b"", b"sha512", digest)))
    made = string(b"ssh-ed25519") + string(_KEY.sign(message))
    blob = b"SSHSIG\0\0\0\1" + b"".join(map(string, (_BLOB, namespace.encode(), b"", b"sha512", made)))
    return envelope(payload, IN_TOTO, [("", blob)])


_ENVELOPE = _signed(APPROVAL.to_bytes(), APPROVAL.namespace)
_DOCUMENTS: tuple[dict[str, Any], ...] = tuple(json.loads(one.to_bytes()) for one in (APPROVAL, ATTESTATION))


def the_statement_or_nothing(data: bytes) -> None:
    """Whatever lies in a file: it is what bob signed, or it is ignored, and a sentence says why."""
    one = verified("x.json", data, RING)
    if isinstance(one, Verified):
        assert one.statement == APPROVAL
        assert one.holder.name == "bob"
    else:
        assert_worded(one.why, one.who)


def test_the_statement_that_is_damaged_below_was_good() -> None:
    assert isinstance(verified("x.json", _ENVELOPE, RING), Verified)


@cases(700, damaged(st.just(_ENVELOPE)))
def test_a_damaged_envelope_is_what_was_signed_or_nothing(data: bytes) -> None:
    the_statement_or_nothing(data)


@cases(300, st.binary(max_size=400))
def test_any_bytes_are_no_statement(data: bytes) -> None:
    the_statement_or_nothing(data)
    try:
        open_envelope(data)
    except EvidenceError as error:
        assert_worded(error.found, error.expected)


@cases(700, damaged(st.just(ATTESTATION.to_bytes())))
def test_a_damaged_payload_is_read_in_its_own_words_or_refused(data: bytes) -> None:
    read_or_refused(data)


@cases(700, mutated(st.sampled_from(_DOCUMENTS)))
def test_a_statement_of_another_shape_is_read_in_its_own_words_or_refused(document: Any) -> None:
    read_or_refused(json.dumps(document, sort_keys=True, separators=(",", ":"), default=str).encode())


def read_or_refused(data: bytes) -> None:
    """Reading and writing again gives the same bytes, or there is a sentence."""
    try:
        statement = read(data)
    except EvidenceError as error:
        assert_worded(error.found, error.expected)
    else:
        assert statement.to_bytes() == data


@pytest.mark.parametrize("namespace", ["git", "interlock-attestation", "interlock-emergency", "file", ""])
def test_a_signature_for_another_purpose_is_none(namespace: str) -> None:
    assert not isinstance(verified("x.json", _signed(APPROVAL.to_bytes(), namespace), RING), Verified)
