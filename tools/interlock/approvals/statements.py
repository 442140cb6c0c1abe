"""What people and the merge workflow sign, as in-toto statements: approvals, attestations, emergencies, their reviews.

Called by whoever writes, stores or verifies them. Each has exactly one form in bytes (JCS), and reading refuses every
other: what was signed is what is read. Nothing is verified here; `checking.approval_gathering` does that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, NoReturn

from pydantic import Field, ValidationError

from interlock.approvals.statement_form import (
    STATEMENT,
    Digests,
    GitObject,
    Login,
    Moment,
    Named,
    Sha256,
    Statement,
    Words,
    moment_text,
)
from interlock.documents.canonical_json import strict_json
from interlock.documents.fields import Document, Many
from interlock.errors import EvidenceError

APPROVAL = "tag:interlock,2026:approval/v1"
ATTESTATION = "https://slsa.dev/verification_summary/v1"
EMERGENCY = "tag:interlock,2026:emergency/v1"
EMERGENCY_REVIEW = "tag:interlock,2026:emergency-review/v1"

APPROVAL_NAMESPACE = "interlock-approval"
ATTESTATION_NAMESPACE = "interlock-attestation"
EMERGENCY_NAMESPACE = "interlock-emergency"

VERIFIER = "tag:interlock,2026:checker"
LEVELS = ("INTERLOCK_CHECKED", "INTERLOCK_APPROVED")
MAX_BYTES = 90 * 1024
"""Of a payload; its envelope is a third larger and stays below what a partial clone fetches with the tree."""


class ApprovalStatement(Statement):
    """A person's yes (or a yes taken back) to one resulting tree, reached from one commit of the trusted branch.

    `through` are the trees in between, in order, where the branch may be merged commit by commit (rebase merging).
    `manifests` and `evidence` give SHA-256 by path, `policy_digest` what `checking.binding` computes.
    """

    predicate_type: ClassVar[str] = APPROVAL
    namespace: ClassVar[str] = APPROVAL_NAMESPACE

    decision: Literal["approved", "withdrawn"] = "approved"
    from_commit: GitObject
    through: Annotated[Many[GitObject], Field(max_length=100)] = ()
    manifests: Digests = {}
    evidence: Digests = {}
    policy_digest: Sha256
    environment: Named | None = None
    adapter: Named | None = None
    role: Named | None = None
    made: Moment
    expires: Moment | None = None

    @property
    def subjects(self) -> list[dict[str, Any]]:
        """The resulting tree, and those on the way there."""
        trees = dict.fromkeys([self.tree, *self.through])
        return [{"name": self.target_ref, "digest": {"gitTree": tree}} for tree in trees]


class Approver(Document):
    """One person whose approval was counted, and in which role."""

    login: Login
    role: Login


class Attestation(Statement):
    """The verdict of the checker on one commit: a SLSA verification summary (v1).

    `inputs` gives SHA-256 by address of everything that was relied on beside the tree: statements, reviews.
    """

    predicate_type: ClassVar[str] = ATTESTATION
    namespace: ClassVar[str] = ATTESTATION_NAMESPACE

    commit: GitObject
    from_commit: GitObject
    result: Literal["PASSED", "FAILED"]
    policy_digest: Sha256
    environments: Annotated[Many[Named], Field(max_length=100)] = ()
    approvers: Annotated[Many[Approver], Field(max_length=100)] = ()
    quorum: Words
    inputs: Digests = {}
    verifier_version: Words
    time_verified: Moment

    @property
    def subjects(self) -> list[dict[str, Any]]:
        """The commit and its tree."""
        return [{"name": self.target_ref, "digest": {"gitCommit": self.commit, "gitTree": self.tree}}]

    def predicate(self) -> dict[str, Any]:
        """A verification summary; what SLSA has no field for begins with `interlock_`."""
        inputs = [
            {"uri": uri, "digest": {"sha256": digest.removeprefix("sha256:")}} for uri, digest in self.inputs.items()
        ]
        return {
            "verifier": {"id": VERIFIER, "version": {"interlock": self.verifier_version}},
            "timeVerified": moment_text(self.time_verified),
            "resourceUri": f"git:{self.target_ref}@{self.commit}",
            "policy": {
                "uri": f"git:{self.target_ref}@{self.from_commit}#policies",
                "digest": {"sha256": self.policy_digest.removeprefix("sha256:")},
            },
            "inputAttestations": sorted(inputs, key=lambda entry: str(entry["uri"])),
            "verificationResult": self.result,
            "verifiedLevels": list(LEVELS) if self.result == "PASSED" else ["FAILED"],
            "slsaVersion": "1.0",
            "interlock_commit": self.commit,
            "interlock_tree": self.tree,
            "interlock_targetRef": self.target_ref,
            "interlock_fromCommit": self.from_commit,
            "interlock_environments": list(self.environments),
            "interlock_approvers": [{"login": person.login, "role": person.role} for person in self.approvers],
            "interlock_quorum": self.quorum,
        }

    @classmethod
    def from_predicate(cls, predicate: Mapping[str, Any]) -> Attestation:
        """Read the fields back; whether nothing else was there is seen by writing them again."""
        return cls.model_validate(
            {
                "target_ref": predicate["interlock_targetRef"],
                "tree": predicate["interlock_tree"],
                "commit": predicate["interlock_commit"],
                "from_commit": predicate["interlock_fromCommit"],
                "result": predicate["verificationResult"],
                "policy_digest": f"sha256:{predicate['policy']['digest']['sha256']}",
                "environments": tuple(predicate["interlock_environments"]),
                "approvers": tuple(Approver(**entry) for entry in predicate["interlock_approvers"]),
                "quorum": predicate["interlock_quorum"],
                "inputs": {
                    entry["uri"]: f"sha256:{entry['digest']['sha256']}" for entry in predicate["inputAttestations"]
                },
                "verifier_version": predicate["verifier"]["version"]["interlock"],
                "time_verified": predicate["timeVerified"],
            }
        )


class EmergencyStatement(Statement):
    """Somebody who may act in an emergency lets one change into one environment without approvals, until `expires`.

    `commit` is the commit that was named, None where it was still to be merged.
    """

    predicate_type: ClassVar[str] = EMERGENCY
    namespace: ClassVar[str] = EMERGENCY_NAMESPACE

    commit: GitObject | None = None
    from_commit: GitObject
    environment: Named
    reason: Words
    by: Login
    declared: Moment
    expires: Moment


class EmergencyReview(Statement):
    """Another person looked at an emergency afterwards; `emergency` is the digest of its statement's file."""

    predicate_type: ClassVar[str] = EMERGENCY_REVIEW
    namespace: ClassVar[str] = EMERGENCY_NAMESPACE

    environment: Named
    emergency: Sha256
    outcome: Literal["justified", "not-justified"]
    text: Words
    by: Login
    made: Moment


AnyStatement = ApprovalStatement | Attestation | EmergencyStatement | EmergencyReview
KINDS: Mapping[str, type[AnyStatement]] = {
    kind.predicate_type: kind for kind in (ApprovalStatement, Attestation, EmergencyStatement, EmergencyReview)
}


def read(payload: bytes) -> AnyStatement:
    """Read the payload of an envelope.

    Raises:
        EvidenceError: it is no statement of ours, or is written in another way than it would be written here.
    """
    if len(payload) > MAX_BYTES:
        _refuse(f"a statement of {len(payload)} bytes", f"at most {MAX_BYTES} bytes")
    try:
        document = strict_json(payload)
    except ValueError:
        _refuse("no JSON that can be read in one way only", "an in-toto statement")
    if not isinstance(document, dict) or document.get("_type") != STATEMENT:
        _refuse("no in-toto statement", f'"_type": "{STATEMENT}"')
    kind = KINDS.get(str(document.get("predicateType")))
    if kind is None:
        _refuse("a statement of another kind", f"a predicateType of {', '.join(KINDS)}")
    try:
        statement: AnyStatement = kind.from_predicate(document["predicate"])
        same = statement.to_bytes() == payload
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError):
        _refuse("a statement whose fields are not those of its kind", f"what {kind.predicate_type} holds")
    if not same:
        _refuse("a statement that says more than is read, or is not in canonical form", "exactly the canonical form")
    return statement


def digest(data: bytes) -> str:
    """`sha256:` and the digest of bytes: of an envelope, it is the name of its file."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _refuse(found: str, expected: str) -> NoReturn:
    raise EvidenceError(
        found, expected=expected, remedy="write it again with `interlock approve` or `interlock attest`"
    )
