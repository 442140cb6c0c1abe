"""Says what kind of change a proposal is, and why it counts as one: by what it leads to, and not by its message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from interlock.checking.review.words import codes, listed, moment
from interlock.documents.layout import classify
from interlock.findings.markdown_page import Code, Line, Part
from interlock.rules.change import Change, PointerStep, Touch, brings_in


class Kind(Enum):
    """What a change is, as far as the law for changes tells kinds apart."""

    NOTHING = "nothing"
    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    POINTER = "pointer"
    REVISION = "revision"
    POLICY = "policy"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ChangeKind:
    """The kind of a change: `title` for the headline, `why` it counts as that."""

    kind: Kind
    title: tuple[Part, ...]
    why: Line


_DECIDING = frozenset({"Policy", "Roster", "Waivers", "Rule"})
_BINDING = {"Environment": "environments", "Revocations": "revocations", "Adapter": "adapters"}


def kind_of(change: Change) -> ChangeKind:
    """The kind of a change; one that is several kinds at once is named by the one that weighs most."""
    if not change.touched:
        return ChangeKind(Kind.NOTHING, ("no change",), "Nothing differs between the two sides.")
    if not any(classify(path).kind for path in change.base.entries):
        why = "Nothing was served here before, so it is judged by what it leads to."
        return ChangeKind(Kind.OTHER, ("first documents of this repository",), why)
    rollbacks = [step for step in change.steps if change.is_rollback(step)]
    if rollbacks:
        return _rollback(change, rollbacks[0])
    if change.promotions:
        return _promotion(change, change.promotions[0])
    if change.pointer_paths:
        return _pointer(change)
    return _records(change) or _other(change)


def _rollback(change: Change, step: PointerStep) -> ChangeKind:
    target = step.activates or ""
    key = Code(f"{step.adapter}@{target}")
    history = change.history(step.environment, step.adapter)
    since = next((activation.since for activation in history.activations if activation.active == target), None)
    when: tuple[Part, ...] = (f" (from {moment(since)})",) if since else ()
    why: Line = (
        "It counts as a fast-path rollback: exactly one pointer changes and nothing else, ", key, " was active in ",
        Code(step.environment), " before", *when, ", is not revoked, and no canary comes in beside it. So stages, soak,"
        " windows and reviews are not asked for; the bytes, the fit to the base and the limits of the engine are.",
    )  # fmt: skip
    return ChangeKind(Kind.ROLLBACK, ("fast-path rollback to ", key, " in ", Code(step.environment)), why)


def _promotion(change: Change, step: PointerStep) -> ChangeKind:
    key = Code(f"{step.adapter}@{sorted(brings_in(step))[0]}")
    where: tuple[Part, ...] = (key, " in ", Code(step.environment))
    canary = step.after.document.canary if step.after and step.activates is None else None
    if canary:
        old = step.before.document.canary if step.before else None
        grown = f"from {old.weight:g} % to " if old and old.revision == canary.revision else ""
        title: tuple[Part, ...] = ("canary step of ", *where, f": {grown}{canary.weight:g} % of the requests")
    else:
        title = ("promotion of ", key, " to ", Code(step.environment))
    others = len(change.promotions) - 1
    more: tuple[Part, ...] = (f" and {others} more",) if others else ()
    return ChangeKind(Kind.PROMOTION, (*title, *more), ("It is a promotion: ", *_why_promotion(change, step, key)))


def _why_promotion(change: Change, step: PointerStep, key: Code) -> Iterator[Part]:
    """More requests go to a revision, and why that is no fast-path rollback."""
    yield from (key, " answers requests in ", Code(step.environment), " that it does not answer now")
    history = change.history(step.environment, step.adapter)
    if step.activates is None:
        yield ", as its canary"
    elif history.unknown:
        yield "; whether it was active there before is not known"
    elif not history.was_active(step.activates):
        yield ", and was never active there before"
    elif change.is_revoked(step.adapter, step.activates):
        yield "; it was active there before, and is revoked"
    else:
        yield "; it was active there before, but more changes with it than this one revision"
    yield "."


def _pointer(change: Change) -> ChangeKind:
    environments = sorted({classify(path).values[0] for path in change.pointer_paths})
    removed = all(change.touched[path] is Touch.REMOVED for path in change.pointer_paths)
    if removed:
        names = [f"{classify(path).values[1]}" for path in change.pointer_paths]
        title: tuple[Part, ...] = ("removal of ", *codes(names), " from ", *codes(environments))
        return ChangeKind(Kind.POINTER, title, "Nothing answers for what is removed any more.")
    title = ("change of a pointer in ", *codes(environments))
    return ChangeKind(Kind.POINTER, title, "It is no promotion: no other revision gets more requests than now.")


def _records(change: Change) -> ChangeKind | None:
    """New revisions and bases: they are only written down, and no environment serves them by that."""
    new = [found for path, touch in change.touched.items() if touch is Touch.ADDED and (found := classify(path)).kind]
    names = ["@".join(found.values) for found in new if found.kind in ("AdapterRevision", "BaseRevision")]
    if not names or any(touch is not Touch.ADDED for touch in change.touched.values()):
        return None
    what = "new revision " if any(found.kind == "AdapterRevision" for found in new) else "new base "
    why = "It is written down and no environment serves it by this; a promotion is a change of its own."
    return ChangeKind(Kind.REVISION, (what, *codes(names, limit=4)), why)


def _other(change: Change) -> ChangeKind:
    kinds = {classify(path).kind for path in change.touched}
    if kinds & _DECIDING:
        why = "It decides about later changes and is judged by what stood before it."
        names = [path for path in change.touched if classify(path).kind in _DECIDING]
        return ChangeKind(Kind.POLICY, ("policy change in ", *codes(names, limit=3)), why)
    binding = [word for kind, word in _BINDING.items() if kind in kinds]
    named = [found.values[0] for path in change.touched if (found := classify(path)).kind in ("Environment", "Adapter")]
    title: tuple[Part, ...] = (f"change of {listed(binding)}" if binding else "change of other files",)
    if named:
        title = (*title, ": ", *codes(named, limit=4))
    return ChangeKind(Kind.OTHER, title, "No pointer changes: every environment goes on serving the same revisions.")
