"""What the audit says of each commit, and of the history as a whole: values only, in the order of the branch.

Filled in by `replay` and `signers`; read by the reports, by `--at` and by the bundle.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from interlock.findings.finding import Finding


class Allowed(Enum):
    """What is known of one commit. `BEGINNING` is the first commit: nothing stood before it that could judge it."""

    YES = "allowed"
    NO = "not-allowed"
    UNKNOWN = "not-evaluated"
    BEGINNING = "beginning"


@dataclass(frozen=True, slots=True)
class Moment:
    """From when on a commit counts: the time that an attester signed, or else the committer's time.

    Never before the commit before it, so that whoever dates a commit back gains nothing beyond that.
    """

    time: dt.datetime
    source: Literal["attested", "committer", "commit before"]

    def __str__(self) -> str:
        return f"{self.time:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something: `name` by a verified key, or "" with a sentence in `why_not`.

    `claimed` is what was written about it without proof, such as the committer of a commit.
    """

    name: str = ""
    is_machine: bool = False
    fingerprint: str = ""
    why_not: str = ""
    claimed: str = ""

    @property
    def shown(self) -> str:
        """Who it was, and where nobody proved it, what was claimed."""
        if self.name:
            return f"{self.name} (machine)" if self.is_machine else self.name
        return f"nobody proved ({self.why_not}; claimed: {self.claimed})" if self.claimed else f"nobody: {self.why_not}"


@dataclass(frozen=True, slots=True)
class Served:
    """What one environment was told about one adapter: revisions as `active`, `canary REV WEIGHT%`, `shadow REV`."""

    environment: str
    adapter: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvidenceOf:
    """One file of evidence in the tree: its kind ("" where it cannot be read), and who signed what added it."""

    path: str
    kind: str
    added: Actor
    added_in: str


@dataclass(frozen=True, slots=True)
class Promoted:
    """One revision that a commit brings in, and whose work it is.

    `registered` is who signed the commit that added its record, `builder` what the record itself claims.
    """

    environment: str
    adapter: str
    revision: str
    digest: str
    builder: str
    registered: Actor
    registered_in: str
    evidence: tuple[EvidenceOf, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovalsSeen:
    """The approvals of one commit; `status` is pass, fail, unknown, or "not-needed".

    `counted` are pairs of login and role, `not_counted` pairs of whose it is and why; `why` says what is missing.
    """

    status: str
    counted: tuple[tuple[str, str], ...] = ()
    not_counted: tuple[tuple[str, str], ...] = ()
    why: tuple[str, ...] = ()
    environment: str = ""


@dataclass(frozen=True, slots=True)
class EmergencyUse:
    """Somebody broke the glass for a commit. `reviewed` tells by whom and how, "" where nobody has."""

    environment: str
    by: str
    reason: str
    declared: dt.datetime
    expires: dt.datetime
    counts: bool
    why_not: str = ""
    reviewed: str = ""


@dataclass(frozen=True, slots=True)
class AuditedCommit:
    """One commit of the branch. `unknown` says what could not be evaluated, each with its reason."""

    commit: str
    tree: str
    when: Moment
    kind: str
    activator: Actor
    served: tuple[Served, ...] = ()
    environments: tuple[str, ...] = ()
    promoted: tuple[Promoted, ...] = ()
    findings: tuple[Finding, ...] = ()
    unknown: tuple[str, ...] = ()
    approvals: tuple[ApprovalsSeen, ...] = ()
    emergencies: tuple[EmergencyUse, ...] = ()
    contributors: tuple[str, ...] = ()
    brought_in: tuple[str, ...] = ()
    is_first: bool = False

    @property
    def verdict(self) -> Allowed:
        """Not allowed beats not evaluated beats allowed."""
        if self.is_first:
            return Allowed.BEGINNING
        blocking = [finding for finding in self.findings if finding.blocks]
        if any(finding.evaluated for finding in blocking):
            return Allowed.NO
        return Allowed.UNKNOWN if blocking or self.unknown else Allowed.YES


@dataclass(frozen=True)
class Audit:
    """The whole history. `served` is what every environment is told at its end, by environment and adapter."""

    head: str
    commits: tuple[AuditedCommit, ...]
    served: Mapping[str, Mapping[str, ServedSince]]
    notes: tuple[str, ...] = ()
    today: dt.date = dt.date.min

    def count(self, verdict: Allowed) -> int:
        """How many commits have a verdict."""
        return sum(commit.verdict is verdict for commit in self.commits)

    @property
    def emergencies(self) -> tuple[tuple[AuditedCommit, EmergencyUse], ...]:
        """Every use of the break-glass path."""
        return tuple((commit, use) for commit in self.commits for use in commit.emergencies)


@dataclass(frozen=True, slots=True)
class ServedSince:
    """What one environment is told about one adapter, since when, and by which commit."""

    told: tuple[str, ...]
    commit: str
    since: Moment
    digests: Mapping[str, str] = field(default_factory=dict)
