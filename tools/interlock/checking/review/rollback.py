"""How to take a change back, and what would be served then: the commands, the revision, whether it is still loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from interlock.checking.review.kinds import Kind
from interlock.checking.review.words import served_name
from interlock.findings.markdown_page import Block, Bullet, Bullets, Code, Commands, Line, Paragraph, Part, Section
from interlock.history.pointer_history import PointerChange
from interlock.history.way_back import WayBack, way_back
from interlock.rules.change import Change, PointerStep

SHOWN = 4
"""Pointers whose way back is told."""

_MERGED = "git revert -m 1 MERGE_COMMIT   # where it was squashed or rebased: git revert COMMIT"
_WITHOUT_POINTERS = {
    Kind.REVISION: "No environment serves it yet, so nothing has to be rolled back. Records are add-only: what must"
    " never be served is named in the revocations, and its manifest stays.",
    Kind.POLICY: "Reverting it is a change of policy too, judged by the policies that stand then.",
    Kind.OTHER: "Reverting it is a change like any other, and is judged as one.",
}


def rollback_section(change: Change, kind: Kind) -> Iterator[Section]:
    """What to run when the change turns out to be wrong."""
    if change.steps:
        yield Section("How to roll back", tuple(b for step in change.steps[:SHOWN] for b in _step(change, step)))
    elif kind in _WITHOUT_POINTERS:
        commands = () if kind is Kind.REVISION else (Commands((_MERGED,)),)
        yield Section("How to roll back", (Paragraph(_WITHOUT_POINTERS[kind]), *commands))


def _step(change: Change, step: PointerStep) -> Iterator[Block]:
    way = _way(change, step)
    lines = [*_by_revert(change, step, way), *_by_command(change, step, way)]
    commands = [_MERGED]
    if step.activates and step.before and way.target:
        commands.insert(0, f"interlock rollback {step.adapter} --env {step.environment} --commit")
    yield Commands(tuple(commands))
    yield Bullets(tuple(Bullet(line) for line in lines))


def _by_revert(change: Change, step: PointerStep, way: WayBack) -> Iterator[Line]:
    """What stands there again when the change is reverted."""
    where = Code(step.environment)
    if step.before is None:
        yield ("Reverting takes the pointer away: nothing answers for ", Code(step.adapter), " in ", where, " then.")
        return
    old = served_name(change, step.adapter, step.before.document.active)
    if step.activates is None and step.after:
        yield ("Reverting brings the pointer back as it was; ", old, " stays active all the time.")
        return
    yield ("Reverting makes ", old, " active again", *_state(change, step, step.before.document.active, way))
    if change.is_rollback(step):
        yield "This change is a rollback itself: reverting it serves again what it takes away."
    yield (
        "After ", Code("git revert -m 1"), ", merging the same branch again changes nothing: propose what was repaired"
        " from a new branch.",
    )  # fmt: skip


def _by_command(change: Change, step: PointerStep, way: WayBack) -> Iterator[Line]:
    """Where `interlock rollback` would go, which reads the history and may pass revisions over."""
    if step.activates is None or step.before is None:
        return
    command, history = Code("interlock rollback"), change.history(step.environment, step.adapter)
    if history.unknown:
        yield (command, f" reads the history of the pointer, which is not known here: {history.unknown}.")
    elif way.target is None:
        yield (command, " finds no earlier revision of ", Code(step.adapter), " that it could go back to.")
    elif way.target == step.before.document.active:
        yield (command, " leads to the same revision.")
    else:
        why = (
            ": what lies between is revoked" if way.passed_over else ", the last one before it that was not taken back"
        )
        state = _state(change, step, way.target, way)
        yield (command, " leads to ", served_name(change, step.adapter, way.target), f"{why}", *state)


def _state(change: Change, step: PointerStep, revision: str, way: WayBack) -> Sequence[Part]:
    """Whether a revision may be served again, and whether an engine still has it."""
    if change.is_revoked(step.adapter, revision):
        return (". It is ", "revoked: the checker refuses to serve it again.")
    env = change.head.snapshot.environments.get(step.environment)
    kept = list(step.after.document.keep) if step.after else []
    earlier = [r for r in (*way.candidates, *way.former) if not change.is_revoked(step.adapter, r)]
    kept += earlier[: env.document.keep_previous] if env and step.after else []
    if revision in kept and step.after and step.after.document.residency == "lazy":
        return (". It is not revoked and is kept; going back needs no load, and the first request after it may.",)
    if revision in kept:
        return (". It is not revoked and stays loaded, so going back needs no load.",)
    return (". It is not revoked, and is not kept loaded: it has to be loaded first.",)


def _way(change: Change, step: PointerStep) -> WayBack:
    """The way back once the change is merged."""
    active = step.after.document.active if step.after else None
    served = [activation.active for activation in change.history(step.environment, step.adapter).activations]
    actives = [active, *served] if step.activates or step.after is None else served
    changes = [PointerChange("", step.environment, step.adapter, name) for name in actives]
    revoked = {name for name in served if name and change.is_revoked(step.adapter, name)}
    return way_back(changes, revoked)
