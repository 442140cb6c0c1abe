"""One decision a change: a pointer changes alone, and policies change alone, so each can be judged and reverted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from interlock.documents.kinds.environment import Environment
from interlock.documents.layout import classify
from interlock.documents.positions import Place
from interlock.findings.finding import Finding
from interlock.rules.change import Change
from interlock.rules.code_owners_file import ALL_LOCATIONS
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
            "policies, roster, waivers, rules and CODEOWNERS in a change of their own, judged by the policy before it",
            f"propose {listed(deciding, limit=3)} alone, and the rest when it is merged",
        )


def loosening_not_alone(change: Change) -> Iterator[Finding]:
    """What guards an environment is loosened together with something else, where a reviewer may miss it."""
    for name, before in change.base.environments.items():
        after = change.head.snapshot.environments.get(name)
        beside = sorted(path for path in change.touched if path != before.path)
        loosened = _loosened(before.document, after.document) if after and before.path in change.touched else []
        if loosened and after and beside:
            yield Finding(
                "loosening-not-alone",
                after.place(loosened[0].partition(" ")[0]) if after else Place(before.path),
                f"{name} is guarded less than before ({', '.join(loosened)}), together with {listed(beside, limit=3)}",
                "a change of its own, so that whoever approves it sees what it is about",
                f"propose the change of {before.path} alone, and the rest when it is merged",
                environment=name,
            )


def _loosened(before: Environment, after: Environment) -> list[str]:
    """The fields that guard an environment and guard it less now, with what became of them."""
    soak = before.soak.duration if before.soak else dt.timedelta()
    new_soak = after.soak.duration if after.soak else dt.timedelta()
    found = {
        "protected is off": before.protected and not after.protected,
        "upstream is another": before.upstream is not None and after.upstream != before.upstream,
        "soak is shorter": new_soak < soak,
        "windows are others": bool(before.windows) and not set(after.windows) <= set(before.windows),
        "windows are gone": bool(before.windows) and not after.windows,
        "holds are gone": not set(before.holds) <= set(after.holds),
        "keep_previous is smaller": after.keep_previous < before.keep_previous,
    }
    return [what for what, loosened in found.items() if loosened]


def _decides(path: str) -> bool:
    trusted = classify(path).kind in _TRUSTED_KINDS or path.startswith("policies/keys/")
    return trusted or path in ALL_LOCATIONS


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
    TransitionRule(
        "loosening-not-alone",
        "An environment is guarded less, beside other changes",
        "A shorter soak or a removed upstream in a large change is overlooked, and the next promotion is judged by it.",
        "Loosen an environment in a change of its own.",
        FAMILY,
        loosening_not_alone,
    ),
)
