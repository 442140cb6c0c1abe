"""Emergencies in a replayed history: who broke the glass for which commit, whether that held, and who reviewed it.

Called by the judge of approvals. An emergency is judged by the policies and the roster of its time, and its review by
the roster at the end of the history.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from interlock.approvals.facts import PastEmergency
from interlock.approvals.keys import KeyRing
from interlock.approvals.statement_form import moment_text
from interlock.approvals.statements import EmergencyReview, EmergencyStatement
from interlock.checking.approval_gathering import Gathered
from interlock.checking.audit.outcome import EmergencyUse
from interlock.checking.audit.replay import Replayed
from interlock.checking.decision import Decision
from interlock.checking.emergencies import why_no_emergency, why_no_review
from interlock.checking.signed_statements import Verified, all_verified
from interlock.documents.positions import Place
from interlock.findings.finding import Finding, Severity
from interlock.history.attestation_ref import Stored

UNLISTED = "it is not listed among the emergencies, so nobody would be asked to review it"


@dataclass(frozen=True, slots=True)
class Used:
    """One emergency that was declared for a commit: its use as it is told, and who reviewed it when."""

    use: EmergencyUse
    reviews: tuple[tuple[str, dt.datetime], ...]
    due: dt.datetime | None
    commit: str

    def as_of(self, moment: dt.datetime) -> PastEmergency:
        """What was known of it at a later moment."""
        by = tuple(name for name, made in self.reviews if made <= moment)
        use = self.use
        return PastEmergency(use.environment, self.commit, use.by, use.reason, use.declared, self.due, by)


@dataclass
class BreakGlass:
    """Every use so far. `listed` are the file names of all emergencies, `ring` the keys of today's roster."""

    listed: frozenset[str]
    ring: KeyRing
    _used: dict[str, tuple[Used, ...]] = field(default_factory=dict)

    def used(self, replayed: Replayed, gathered: Gathered, decision: Decision, stored: Stored) -> tuple[Used, ...]:
        """The emergencies that were declared for one commit; those that held are remembered."""
        found = tuple(self._one(replayed, one, decision, stored) for one in gathered.emergencies)
        for one in found:
            if one.use.counts:
                self._used[one.use.environment] = (one, *self._used.get(one.use.environment, ()))
        return found

    def past(self, commit: str, moment: dt.datetime) -> Mapping[str, tuple[PastEmergency, ...]]:
        """Everything that the branch went through before a commit, newest first, as it was known at a moment."""
        return {
            environment: tuple(one.as_of(moment) for one in used if one.commit != commit)
            for environment, used in self._used.items()
        }

    def _one(self, replayed: Replayed, one: Verified, decision: Decision, stored: Stored) -> Used:
        statement = one.statement
        assert isinstance(statement, EmergencyStatement)
        policy = replayed.change.policy(statement.environment)
        acted = max(replayed.when.time, statement.declared)
        why = "" if one.name in self.listed else UNLISTED
        why = why or why_no_emergency(one, decision, statement.environment, policy, acted)
        reviews = tuple(self._reviews(one, stored))
        within = policy.value("emergency.review_within")
        use = EmergencyUse(
            statement.environment,
            one.holder.name,
            statement.reason,
            statement.declared,
            statement.expires,
            not why,
            why,
            "; ".join(f"{name} on {moment_text(made)}" for name, made in reviews),
        )
        return Used(use, reviews, statement.declared + within if within else None, replayed.record.commit)

    def _reviews(self, one: Verified, stored: Stored) -> Iterator[tuple[str, dt.datetime]]:
        good, _ = all_verified(stored.statements, self.ring)
        for review in good:
            if not why_no_review(review, one) and isinstance(review.statement, EmergencyReview):
                yield review.holder.name, review.statement.made


def about(used: Used, now: dt.datetime) -> Iterator[Finding]:
    """What is wrong with an emergency: nobody has reviewed it, or it did not hold at all."""
    use, place = used.use, Place(f"environments/{used.use.environment}/environment.yaml")
    if not use.counts:
        yield Finding(
            "emergency-not-counted",
            place,
            f"{use.by} declared an emergency for {used.commit[:12]} that does not count: {use.why_not}",
            "an emergency by somebody with a role that may act in one, for exactly this commit",
            "ask who declared it why",
            severity=Severity.WARNING,
            environment=use.environment,
        )
    elif not used.reviews:
        late = used.due is not None and now > used.due
        due = f", which was due on {moment_text(used.due)}" if used.due else ""
        yield Finding(
            "emergency-unreviewed",
            place,
            f"{used.commit[:12]} went into {use.environment} as an emergency of {use.by}, and nobody reviewed it{due}",
            "a review by somebody else",
            f"run: interlock emergency review {used.commit[:12]}",
            severity=Severity.ERROR if late else Severity.WARNING,
            environment=use.environment,
        )


def sentence(used: Used) -> str:
    """Why a commit needed no approvals in an environment, as the rules about approvals tell it."""
    return f"emergency declared by {used.use.by} until {moment_text(used.use.expires)}: {used.use.reason}"
