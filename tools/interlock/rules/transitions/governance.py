"""What must be in order before a revision takes requests: the review of its adapter, its data, its builder, its risks.

Promotions are judged and rollbacks are not: a fault does not wait until a review is done or data is licensed again.
Adapter, roster and environment are read from the trusted side.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from interlock.documents.fields import duration_text
from interlock.documents.kinds.adapter import Adapter
from interlock.documents.kinds.adapter_revision import Bias
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding
from interlock.rules import remedies
from interlock.rules.change import Change, PointerStep, adapter_of, promoted, promoted_into_protected, revision_place
from interlock.rules.rule import TransitionRule

FAMILY = "governance"


def review_overdue(change: Change) -> Iterator[Finding]:
    """A promotion of an adapter whose people should have looked at it again by now."""
    for step in change.promotions:
        adapter = adapter_of(change, step)
        if adapter is None:
            continue
        review = adapter.document.review
        due = review.last_reviewed + review.cadence
        if review.last_reviewed > _day(change) + dt.timedelta(days=1):  # a day ahead somewhere on earth
            yield _reviewed_in_the_future(step, adapter)
        elif _day(change) > due:
            yield Finding(
                "review-overdue",
                step.place("active"),
                f"the review of {step.adapter} was due on {due}: it was last reviewed on {review.last_reviewed}",
                f"a review every {duration_text(review.cadence)} ({adapter.path})",
                f"review {step.adapter}, and set review.last_reviewed in {adapter.path} in a change of its own",
                environment=step.environment,
            )


def _reviewed_in_the_future(step: PointerStep, adapter: Located[Adapter]) -> Finding:
    return Finding(
        "review-overdue",
        step.place("active"),
        f"{step.adapter} was last reviewed on {adapter.document.review.last_reviewed}, a day that is still to come",
        f"the day of the last review ({adapter.path})",
        f"set review.last_reviewed in {adapter.path} to the day on which people really looked, in a change of its own",
        environment=step.environment,
    )


def dataset_expired(change: Change) -> Iterator[Finding]:
    """A promotion of a revision whose data may not be used any more."""
    for step, key, revision in promoted(change):
        for dataset in revision.document.datasets:
            if dataset.expires and _day(change) > dataset.expires:
                yield Finding(
                    "dataset-expired",
                    revision_place(step, key),
                    f"{key} learned from {dataset.name}, which expired on {dataset.expires}",
                    f"data whose last day is not over ({revision.path})",
                    f"train {step.adapter} on fresh data, then {remedies.register_again(revision.document)}",
                    environment=step.environment,
                )


def dataset_window_missing(change: Change) -> Iterator[Finding]:
    """Into a protected environment: a revision that does not say from which days its data is."""
    for step, key, revision in promoted_into_protected(change):
        for dataset in revision.document.datasets:
            if dataset.window is None:
                yield Finding(
                    "dataset-window-missing",
                    revision_place(step, key),
                    f"{key} does not say from which days the data of {dataset.name} is ({revision.path})",
                    "datasets[].window with the first and the last day, for example 2026-07-01/2026-09-30",
                    remedies.register_again(revision.document),
                    environment=step.environment,
                )


def stranger_as_builder(change: Change) -> Iterator[Finding]:
    """Into a protected environment: a revision that was not made by a builder of the roster."""
    roster = change.base.roster
    builders = {m.name for m in roster.document.machines if "builder" in m.roles} if roster else set()
    for step, key, revision in promoted_into_protected(change) if roster and builders else ():
        builder = revision.document.provenance.builder
        if builder not in builders:
            yield Finding(
                "stranger-as-builder",
                revision_place(step, key),
                f"{key} was built by {builder}, which is no builder of {roster.path if roster else 'the roster'}",
                f"one of {', '.join(sorted(builders))}",
                f"build {step.adapter} with one of them and {remedies.register_again(revision.document)}",
                environment=step.environment,
            )


def bias_not_assessed(change: Change) -> Iterator[Finding]:
    """Into a protected environment: a revision of a high-risk adapter without an assessment of bias."""
    for step, key, revision in promoted_into_protected(change):
        adapter = adapter_of(change, step)
        if adapter and adapter.document.risk.tier == "high" and _without_assessment(revision.document.risk.bias):
            yield Finding(
                "bias-not-assessed",
                revision_place(step, key),
                f"{step.adapter} is of the tier high, and {key} has no assessment of bias that looked at any group",
                f"risk.bias in {revision.path}: assessment, groups, verdict",
                f"assess it, then {remedies.register_again(revision.document)} and fill in risk.bias",
                environment=step.environment,
            )


def _without_assessment(bias: Bias | None) -> bool:
    """An assessment that looked at no group of people assessed nothing."""
    return bias is None or not bias.groups


def bias_unacceptable(change: Change) -> Iterator[Finding]:
    """A revision of which its own assessment says that its bias is not acceptable."""
    for step, key, revision in promoted(change):
        bias = revision.document.risk.bias
        if bias and bias.verdict == "unacceptable":
            yield Finding(
                "bias-unacceptable",
                revision_place(step, key),
                f"the assessment of {key} ends with: unacceptable ({bias.assessment})",
                "a revision whose bias is acceptable, or acceptable under conditions",
                remedies.promote_another(key, step.environment),
                environment=step.environment,
            )


def _day(change: Change) -> dt.date:
    return change.now.astimezone(dt.UTC).date()


RULES = (
    TransitionRule(
        "review-overdue",
        "A promotion of an adapter whose review is overdue",
        "An adapter that nobody looks at any more goes on growing away from what its people believe it does.",
        "Review the adapter and write the day into its document; a rollback needs no review.",
        FAMILY,
        review_overdue,
    ),
    TransitionRule(
        "dataset-expired",
        "A promotion of a revision whose data has expired",
        "Data is licensed or consented to for a time; what was learned from it is stale or forbidden afterwards.",
        "Train on fresh data and register a new revision; a rollback is still possible.",
        FAMILY,
        dataset_expired,
    ),
    TransitionRule(
        "dataset-window-missing",
        "Data without a time window",
        "Nobody can say whether the adapter knows last month's prices, or data that a customer asked to delete.",
        "Register the revision again with the first and the last day of each dataset.",
        FAMILY,
        dataset_window_missing,
    ),
    TransitionRule(
        "stranger-as-builder",
        "The revision was not made by a builder of the roster",
        "An artifact from somebody's own machine has no provenance that another person can follow.",
        "Build it with a machine that has the role `builder` in the roster.",
        FAMILY,
        stranger_as_builder,
    ),
    TransitionRule(
        "bias-not-assessed",
        "No assessment of bias for a high-risk adapter",
        "The people whom a high-risk adapter treats badly find out before its owners do.",
        "Assess the revision and register it with the assessment.",
        FAMILY,
        bias_not_assessed,
    ),
    TransitionRule(
        "bias-unacceptable",
        "The revision's own assessment calls its bias unacceptable",
        "The record says that this revision must not answer people; serving it makes that knowledge worthless.",
        "Promote another revision.",
        FAMILY,
        bias_unacceptable,
    ),
)
