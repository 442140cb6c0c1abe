"""Policies as data: what a promotion into an environment needs, and how long things are kept."""

from typing import Any, Literal

from pydantic import Field

from interlock.documents.fields import Count, Date, Document, Duration, Many, Name, Positive, RevisionName, Share, Text

EvidenceKind = Name
Role = Name


class TierApprovals(Document):
    """What an adapter of one risk tier needs beyond the rest."""

    count: Count | None = None
    roles: dict[Role, Count] = {}


class Approvals(Document):
    """How many people, in which roles, and which parts may not be played by the same person."""

    count: Count
    roles: dict[Role, Count] = {}
    distinct: Many[Literal["trainer", "evaluator", "author", "approver", "activator"]] = ()
    low: TierApprovals | None = None
    medium: TierApprovals | None = None
    high: TierApprovals | None = None


class EvidenceByTier(Document):
    """Kinds of evidence that a promotion needs, by risk tier; older than `max_age` does not count."""

    low: Many[EvidenceKind] = ()
    medium: Many[EvidenceKind] = ()
    high: Many[EvidenceKind] = ()
    max_age: Duration | None = None


class Gate(Document):
    """A statistical test that evidence must pass."""

    suite: Name
    test: Literal["paired-non-inferiority", "zero-failure"]
    against: Many[Literal["previous", "anchor"]] = ()
    margin: Share | None = None
    alpha: Share | None = None
    max_rate: Share | None = None
    max_attempts: Positive | None = None


class CanaryTest(Document):
    """How a canary is judged while it runs."""

    test: Literal["e-process"]
    alpha: Share


class Licenses(Document):
    """The licences that base, data and adapter may have; as SPDX or the Hugging Face hub spells them."""

    allow: Many[Text] = Field(min_length=1)


class RollbackPolicy(Document):
    """What the fast path needs and skips. Integrity, compatibility and revocation are never skipped."""

    approvals: Count
    skip: Many[Literal["soak", "evidence", "windows", "freshness"]] = ()


class Emergency(Document):
    """Who may break the glass, for how long, and when it must have been reviewed."""

    roles: Many[Role] = Field(min_length=1)
    expires: Duration
    review_within: Duration


class Retention(Document):
    """How many revisions stay, when weights are archived, how long records are kept."""

    keep: Count
    archive_after: Duration | None = None
    records: Duration | None = None


class Policy(Document):
    """`policies/<name>.yaml`."""

    kind: Literal["Policy"]
    environments: Many[Name] = Field(min_length=1)
    approvals: Approvals | None = None
    evidence: EvidenceByTier | None = None
    gates: Many[Gate] = ()
    canary: CanaryTest | None = None
    budgets: dict[Name, Share] = {}
    licenses: Licenses | None = None
    weights_signature: Literal["required"] | None = None
    rollback: RollbackPolicy | None = None
    emergency: Emergency | None = None
    retention: Retention | None = None


class Revoked(Document):
    """One revision that must never be served again."""

    adapter: Name
    revision: RevisionName
    reason: Text
    date: Date
    by: Name


class Revocations(Document):
    """`policies/revocations.yaml`: add-only."""

    kind: Literal["Revocations"]
    revoked: Many[Revoked] = ()


class Waiver(Document):
    """One rule set aside, for one scope, by one person, until one day."""

    rule: Name
    scope: Text
    approver: Name
    reason: Text
    until: Date


class Waivers(Document):
    """`policies/waivers.yaml`."""

    kind: Literal["Waivers"]
    waivers: Many[Waiver] = ()


class RuleExample(Document):
    """Partial documents by the name of their variable, and what the rule says of them; `skip`: `when` is false."""

    name: Text
    given: dict[Name, dict[str, Any]] = {}
    expect: Literal["pass", "fail", "skip"]


class Rule(Document):
    """`policies/rules/<id>.yaml`: an organisation's own rule, as CEL expressions."""

    kind: Literal["Rule"]
    id: Name
    severity: Literal["error", "warning"]
    applies_to: Literal["promotion", "rollback", "revision", "pointer", "environment"]
    when: Text
    require: Text
    message: Text
    remedy: Text
    examples: Many[RuleExample] = Field(default=(), max_length=100)
