"""DSSE envelopes: the encoding of the specification, one spelling, nothing beside, bounded."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from interlock.errors import EvidenceError
from interlock.evidence.dsse import IN_TOTO, MAX_ENVELOPE, envelope, open_envelope, pae

GOOD: dict[str, Any] = {
    "payload": base64.b64encode(b"{}").decode(),
    "payloadType": IN_TOTO,
    "signatures": [{"keyid": "SHA256:x", "sig": base64.b64encode(b"signature").decode()}],
}


def test_the_encoding_is_that_of_the_specification() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_what_is_written_is_read() -> None:
    opened = open_envelope(envelope(b"payload", IN_TOTO, [("SHA256:x", b"one"), ("", b"two")]))
    assert (opened.payload, opened.payload_type) == (b"payload", IN_TOTO)
    assert opened.signatures == (("SHA256:x", b"one"), ("", b"two"))
    assert opened.signed == pae(IN_TOTO, b"payload")


def test_the_plain_form_is_read() -> None:
    assert open_envelope(json.dumps(GOOD).encode()).payload == b"{}"


@pytest.mark.parametrize(
    "changes",
    [
        {"payload": "e30"},
        {"payload": "e3 0="},
        {"payload": "e31="},
        {"payload": 7},
        {"payload": ""},
        {"payloadType": ""},
        {"payloadType": None},
        {"signatures": []},
        {"signatures": {}},
        {"signatures": ["x"]},
        {"signatures": [{"keyid": "x"}]},
        {"signatures": [{"sig": "eA==", "cert": "x"}]},
        {"signatures": [{"sig": "eA==", "keyid": 7}]},
        {"signatures": GOOD["signatures"] * 9},
        {"more": 1},
    ],
)
def test_what_is_no_envelope_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(EvidenceError):
        open_envelope(json.dumps(GOOD | changes).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b'{"payload":"e30=","payload":"e30=","payloadType":"x","signatures":[{"sig":"eA=="}]}',
        b"[" * 100_000,
        b'{"payload":' + b'"' + b"A" * MAX_ENVELOPE + b'"}',
    ],
)
def test_what_is_no_json_with_one_meaning_is_refused(data: bytes) -> None:
    with pytest.raises(EvidenceError):
        open_envelope(data)


@pytest.mark.parametrize("cut", range(0, 200, 7))
def test_a_truncated_envelope_is_refused(cut: int) -> None:
    whole = envelope(b"payload" * 10, IN_TOTO, [("SHA256:x", b"signature")])
    with pytest.raises(EvidenceError):
        open_envelope(whole[:cut])
