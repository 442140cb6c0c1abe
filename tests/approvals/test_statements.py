"""Signed statements have one form: what was written is read, and everything else is refused."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from pydantic import ValidationError

from interlock.approvals.statements import (
    AnyStatement,
    ApprovalStatement,
    Approver,
    Attestation,
    EmergencyReview,
    EmergencyStatement,
    read,
)
from interlock.errors import EvidenceError

NOW = dt.datetime(2026, 11, 25, 9, 30, tzinfo=dt.UTC)
ZERO, ONE = "sha256:" + "0" * 64, "sha256:" + "1" * 64
WHERE: dict[str, Any] = {"target_ref": "refs/heads/main", "tree": "a" * 40}
APPROVAL = ApprovalStatement(
    **WHERE,
    from_commit="b" * 40,
    through=("c" * 40,),
    manifests={"adapters/x/revisions/2.yaml": ONE},
    evidence={"adapters/x/evidence/2/ü.json": ONE},
    policy_digest=ZERO,
    environment="production",
    adapter="x",
    role="validator",
    made=NOW,
    expires=NOW + dt.timedelta(hours=4),
)
ATTESTATION = Attestation(
    **WHERE,
    commit="d" * 40,
    from_commit="b" * 40,
    result="PASSED",
    policy_digest=ZERO,
    environments=("production",),
    approvers=(Approver(login="bob", role="validator"),),
    quorum="1 approval of 1",
    inputs={"b": ONE, "a": ZERO},
    verifier_version="0.1.0",
    time_verified=NOW,
)
EMERGENCY = EmergencyStatement(
    **WHERE,
    commit="d" * 40,
    from_commit="b" * 40,
    environment="production",
    reason="leaks addresses",
    by="carol",
    declared=NOW,
    expires=NOW + dt.timedelta(hours=4),
)
REVIEW = EmergencyReview(
    **WHERE, environment="production", emergency=ONE, outcome="justified", text="it was", by="bob", made=NOW
)
ALL = pytest.mark.parametrize("statement", [APPROVAL, ATTESTATION, EMERGENCY, REVIEW], ids=lambda s: type(s).__name__)


@ALL
def test_what_is_written_is_read(statement: AnyStatement) -> None:
    assert read(statement.to_bytes()) == statement


def test_an_attestation_is_a_verification_summary() -> None:
    document = json.loads(ATTESTATION.to_bytes())
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert document["subject"] == [{"name": "refs/heads/main", "digest": {"gitCommit": "d" * 40, "gitTree": "a" * 40}}]
    predicate = document["predicate"]
    required = {"verifier", "timeVerified", "resourceUri", "policy", "verificationResult", "verifiedLevels"}
    assert required <= predicate.keys()
    assert predicate["verificationResult"] == "PASSED"
    assert predicate["policy"]["digest"] == {"sha256": "0" * 64}
    assert predicate["inputAttestations"][0] == {"uri": "a", "digest": {"sha256": "0" * 64}}


@ALL
def test_a_word_more_is_refused(statement: AnyStatement) -> None:
    document = json.loads(statement.to_bytes())
    document["predicate"]["more"] = "x"
    with pytest.raises(EvidenceError):
        read(canonical(document))


@ALL
def test_another_subject_is_refused(statement: AnyStatement) -> None:
    document = json.loads(statement.to_bytes())
    document["subject"][0]["digest"]["gitTree"] = "e" * 40
    with pytest.raises(EvidenceError, match="canonical"):
        read(canonical(document))


@ALL
def test_another_spelling_is_refused(statement: AnyStatement) -> None:
    with pytest.raises(EvidenceError, match="canonical"):
        read(json.dumps(json.loads(statement.to_bytes())).encode())


@ALL
def test_a_truncated_statement_is_refused(statement: AnyStatement) -> None:
    data = statement.to_bytes()
    for cut in range(0, len(data), 11):
        with pytest.raises(EvidenceError):
            read(data[:cut])


@pytest.mark.parametrize("predicate_type", ["https://in-toto.io/attestation/test-result/v0.1", "", None, 7, ["x"]])
def test_a_foreign_statement_is_refused(predicate_type: object) -> None:
    document = json.loads(APPROVAL.to_bytes()) | {"predicateType": predicate_type}
    with pytest.raises(EvidenceError, match="another kind"):
        read(canonical(document))


@pytest.mark.parametrize("predicate", [None, [], "x", {}, {"interlock_tree": []}, {"policy": 7}])
@ALL
def test_a_predicate_of_another_shape_is_refused(statement: AnyStatement, predicate: object) -> None:
    document = json.loads(statement.to_bytes()) | {"predicate": predicate}
    with pytest.raises(EvidenceError):
        read(canonical(document))


@pytest.mark.parametrize(
    "field",
    [
        {"tree": "main"},
        {"tree": "a" * 39},
        {"from_commit": "HEAD"},
        {"target_ref": "main"},
        {"target_ref": "refs/heads/a b"},
        {"policy_digest": "0" * 64},
        {"environment": "../x"},
        {"manifests": {"x": "sha1:0"}},
        {"manifests": {f"{number}": ONE for number in range(501)}},
        {"through": ("c" * 40,) * 101},
        {"decision": "perhaps"},
        {"made": "yesterday"},
    ],
)
def test_a_field_that_is_not_well_formed_is_refused(field: dict[str, Any]) -> None:
    fields = APPROVAL.model_dump() | field
    with pytest.raises(ValidationError):
        ApprovalStatement.model_validate(fields)


def canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
