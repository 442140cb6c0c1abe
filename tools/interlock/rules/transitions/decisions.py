"""One decision a change: a pointer changes alone, and policies change alone, so each can be judged and reverted."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.documents.layout import classify
from interlock.documents.positions import Place
from interlock.findings.finding import Finding
from interlock.rules.change import Change
from interlock.rules.rule import TransitionRule
from interlock.rules.wording import listed

FAMILY = "decisions"
_TRUSTED_KINDS = frozenset({"Policy", "Roster", "Waivers", "Rule"})


def pointer_not_alone(change: Change) -> Iterator[Finding]:
    """A pointer changes together with something else."""
    for path in change.pointer_paths:
        beside = sorted(other for other in change.touched if other != path)
        if beside:
            yield Finding(
                "pointer-not-alone",
                Place(path),
                f"{path} changes together with {listed(beside, limit=4)}",
                "a change that touches this one pointer and nothing else, so that reverting it is clean",
                "merge the other files first, in a change of their own; then propose the pointer alone",
                environment=classify(path).values[0],
            )


def policy_not_alone(change: Change) -> Iterator[Finding]:
    """What decides about changes is changed together with what it would decide about."""
    deciding = sorted(path for path in change.touched if _decides(path))
    beside = sorted(path for path in change.touched if not _decides(path))
    if deciding and beside:
        yield Finding(
            "policy-not-alone",
            Place(deciding[0]),
            f"{listed(deciding, limit=3)} changes together with {listed(beside, limit=3)}",
            "policies, roster, waivers and rules in a change of their own, judged by the policy before it",
            f"propose {listed(deciding, limit=3)} alone, and the rest when it is merged",
        )


def _decides(path: str) -> bool:
    return classify(path).kind in _TRUSTED_KINDS


RULES = (
    TransitionRule(
        "pointer-not-alone",
        "A pointer changes together with something else",
        "Reverting such a commit also takes away the other files: a manifest that production points at, or the pointer"
        " of another adapter.",
        "Split the change: everything else first, then one pointer alone.",
        FAMILY,
        pointer_not_alone,
    ),
    TransitionRule(
        "policy-not-alone",
        "A policy changes together with what it decides about",
        "Whoever may loosen the policy in the same change can let anything through. The old policy judges a change of"
        " the policy.",
        "Propose the policy, roster, waiver or rule in a change of its own.",
        FAMILY,
        policy_not_alone,
    ),
)
