"""A statement says which kind of evidence it is and about which bytes; what could be read in two ways is refused."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.documents.identifiers import Digest
from interlock.errors import EvidenceError
from interlock.evidence.statements import MAX_BYTES, PAYLOAD, STATEMENT, read_statement

HEX = "1f" * 32
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"


def statement(**fields: Any) -> dict[str, Any]:
    subject = [{"name": "adapter_model.safetensors", "digest": {"sha256": HEX}}]
    plain = {"_type": STATEMENT, "subject": subject, "predicateType": TEST_RESULT, "predicate": {"result": "PASSED"}}
    return plain | fields


def envelope(content: bytes, **fields: Any) -> bytes:
    plain = {"payloadType": PAYLOAD, "payload": base64.b64encode(content).decode(), "signatures": [{"sig": "eA=="}]}
    return json.dumps(plain | fields).encode()


def as_bytes(**fields: Any) -> bytes:
    return json.dumps(statement(**fields)).encode()


def test_a_bare_statement_names_its_kind_and_its_bytes() -> None:
    read = read_statement(as_bytes())
    assert (read.kind, read.signatures) == ("test-result", 0)
    assert read.is_about(Digest(f"sha256:{HEX}"))
    assert not read.is_about(Digest(f"sha256:{'2' * 64}"))


def test_an_envelope_says_the_same_and_how_many_signed_it() -> None:
    read = read_statement(envelope(as_bytes()))
    assert (read.kind, read.signatures, read.predicate) == ("test-result", 1, {"result": "PASSED"})


def test_fields_that_nobody_here_knows_are_left_alone() -> None:
    assert read_statement(as_bytes(new="field")).kind == "test-result"


@pytest.mark.parametrize(
    ("predicate_type", "kind"),
    [
        (TEST_RESULT, "test-result"),
        ("https://example.com/evidence/offline-eval/v2", "offline-eval"),
        ("https://example.com/evidence/human-eval", "human-eval"),
        ("https://example.com/load-test/v1#anything", "load-test"),
    ],
)
def test_the_kind_is_the_last_part_before_the_version(predicate_type: str, kind: str) -> None:
    assert read_statement(as_bytes(predicateType=predicate_type)).kind == kind


REFUSED = {
    "empty": b"",
    "not JSON": b"kind: Pointer",
    "a list": b"[]",
    "not UTF-8": b'{"_type": "\xff"}',
    "a key twice": as_bytes()[:-1] + b', "predicateType": "https://example.com/load-test/v1"}',
    "NaN": b'{"predicate": NaN}',
    "a number of too many digits": b'{"predicate": ' + b"9" * 10_000 + b"}",
    "another type of statement": as_bytes(_type="https://in-toto.io/Statement/v9"),
    "no subject": as_bytes(subject=[]),
    "too many subjects": as_bytes(subject=[{"digest": {"sha256": HEX}}] * 1001),
    "a subject without sha256": as_bytes(subject=[{"digest": {"sha1": "00"}}]),
    "a subject in capitals": as_bytes(subject=[{"digest": {"sha256": "AA" * 32}}]),
    "a subject with another form": as_bytes(subject=[{"digest": {"sha256": ["x"]}}]),
    "a subject that is text": as_bytes(subject=["x"]),
    "no predicate type": as_bytes(predicateType=None),
    "a predicate type without a name": as_bytes(predicateType="https://example.com/v1/"),
    "a predicate type with an unsafe name": as_bytes(predicateType="https://example.com/..%2f/v1"),
    "a predicate type that is no address": as_bytes(predicateType="https://[broken/test-result/v1"),
    "a predicate that is a list": as_bytes(predicate=[]),
    "an envelope of something else": envelope(as_bytes(), payloadType="text/plain"),
    "an envelope that nobody signed": envelope(as_bytes(), signatures=[]),
    "a payload that is not base64": envelope(b"", payload="***"),
    "a payload that is no statement": envelope(b"{}"),
    "an envelope in an envelope": envelope(envelope(as_bytes())),
    "nested without end": b'{"predicate": ' + b"[" * 100_000,
    "too large": as_bytes(predicate={"x": "y" * MAX_BYTES}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_statement_is_refused(name: str) -> None:
    with pytest.raises(EvidenceError) as refused:
        read_statement(REFUSED[name])
    assert refused.value.found
    assert refused.value.expected


LEAF = st.none() | st.text(max_size=5) | st.integers() | st.floats()
ODD = LEAF | st.lists(LEAF, max_size=3) | st.lists(st.dictionaries(st.text(max_size=5), LEAF, max_size=3), max_size=3)
FIELDS = ("_type", "subject", "predicateType", "predicate", "payload", "payloadType", "signatures")


@given(
    st.binary(max_size=300) | st.dictionaries(st.sampled_from(FIELDS), ODD, max_size=3).map(lambda odd: as_bytes(**odd))
)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(EvidenceError):
        assert read_statement(data).subjects
