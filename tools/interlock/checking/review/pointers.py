"""What changes in which environment: one table a pointer, before and after, and since when either revision serves."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from interlock.checking.review.words import age, codes, moment, served_name
from interlock.documents.fields import duration_text
from interlock.documents.kinds.pointer import Pointer
from interlock.findings.markdown_page import Block, Bullet, Bullets, Code, Line, Paragraph, Part, Section, Strong, Table
from interlock.rules.change import Change, PointerStep, brings_in

SHOWN = 8
"""Pointers that are shown; a change of more than one is refused anyway."""


def pointer_section(change: Change) -> Iterator[Section]:
    """What changes in which environment; nothing where no pointer changes."""
    if not change.pointer_paths:
        return
    blocks = [block for step in change.steps[:SHOWN] for block in _step(change, step)]
    unread = len(change.pointer_paths) - len(change.steps[:SHOWN])
    if unread:
        blocks.append(Paragraph(f"{unread} more pointers change and are not shown, or cannot be read."))
    yield Section("What changes", tuple(blocks))


def _step(change: Change, step: PointerStep) -> Iterator[Block]:
    env = change.environment(step.environment)
    protected = "protected" if env and env.document.protected else "not protected"
    yield Paragraph(
        (Strong(f"{step.adapter} in {step.environment}"), f" ({protected}). Clients ask for the alias ",
         Code(step.adapter), ".")
    )  # fmt: skip
    yield Table(("", "Before", "After"), tuple(_row(*cells) for cells in before_and_after(change, step)))
    yield Bullets(tuple(Bullet(line) for line in (*_since_here(change, step), *_since_upstream(change, step))))


def before_and_after(change: Change, step: PointerStep) -> list[tuple[str, Line, Line]]:
    """What a pointer says and will say, key by key, as far as it says anything."""
    before, after = (located.document if located else None for located in (step.before, step.after))
    cells = [(name, cell(change, before), cell(change, after)) for name, cell in _CELLS.items()]
    return [cell for cell in cells if cell[1:] != ("–", "–")]


def _row(name: str, before: Line, after: Line) -> tuple[Line, ...]:
    return (Strong(name) if before != after else name, before, after if before != after else "unchanged")


Cell = Callable[[Change, Pointer | None], Line]


def _active(change: Change, pointer: Pointer | None) -> Line:
    return served_name(change, pointer.adapter, pointer.active) if pointer else "nothing"


def _canary(change: Change, pointer: Pointer | None) -> Line:
    if not (pointer and pointer.canary):
        return "–"
    canary = pointer.canary
    parts: list[Part] = [
        served_name(change, pointer.adapter, canary.revision),
        f": {canary.weight:g} % of the requests",
    ]
    if canary.tenants:
        parts += ["; tenants ", *codes(canary.tenants)]
    if canary.steps:
        parts.append(f"; steps {', '.join(f'{step:g}' for step in canary.steps[:20])}")
    return tuple(parts)


def _shadow(change: Change, pointer: Pointer | None) -> Line:
    if not (pointer and pointer.shadow):
        return "–"
    shadow = pointer.shadow
    return (
        served_name(change, pointer.adapter, shadow.revision),
        f": copies of {shadow.sample * 100:g} % of the requests",
    )


def _keep(change: Change, pointer: Pointer | None) -> Line:
    return codes(pointer.keep) if pointer and pointer.keep else "–"


def _residency(change: Change, pointer: Pointer | None) -> Line:
    return pointer.residency if pointer else "–"


_CELLS: dict[str, Cell] = {
    "active": _active,
    "canary": _canary,
    "shadow": _shadow,
    "keep loaded": _keep,
    "residency": _residency,
}


def _since_here(change: Change, step: PointerStep) -> Iterator[Line]:
    """Since when the revision that is active now is."""
    if step.before is None:
        yield (Code(step.environment), " served no revision of ", Code(step.adapter), " until now.")
        return
    active = step.before.document.active
    history = change.history(step.environment, step.adapter)
    since = history.active_since(active)
    key = Code(f"{step.adapter}@{active}")
    if since:
        yield (
            key,
            " has been active in ",
            Code(step.environment),
            f" since {moment(since)} ({age(change.now - since)}).",
        )
    else:
        why = f": {history.unknown}" if history.unknown else ""
        yield ("Since when ", key, " has been active in ", Code(step.environment), f" is not known{why}.")


def _since_upstream(change: Change, step: PointerStep) -> Iterator[Line]:
    """Where a revision that comes in serves upstream, and how far its soak is."""
    env = change.environment(step.environment)
    incoming = _incoming(step)
    if not env or not incoming or change.is_rollback(step):
        return
    upstream = env.document.upstream
    if upstream is None:
        yield (Code(step.environment), " has no upstream environment: revisions enter here first.")
        return
    for revision in incoming:
        yield _soak(change, step, upstream, revision)


def _incoming(step: PointerStep) -> list[str]:
    """The revisions that get requests, or copies of requests, which they do not get now."""
    before, after = (located.document if located else None for located in (step.before, step.after))
    shadow = after.shadow.revision if after and after.shadow else None
    known = before.shadow.revision if before and before.shadow else None
    return [*sorted(brings_in(step)), *([shadow] if shadow and shadow != known else [])]


def _soak(change: Change, step: PointerStep, upstream: str, revision: str) -> Line:
    key, history, env = (
        Code(f"{step.adapter}@{revision}"),
        change.history(upstream, step.adapter),
        change.environment(step.environment),
    )
    since = history.active_since(revision)
    if history.unknown:
        return (
            "Since when ",
            key,
            " is active in ",
            Code(upstream),
            f", upstream of here, is not known: {history.unknown}.",
        )
    if since is None:
        return (
            key,
            " is not active in ",
            Code(upstream),
            ", the upstream environment of ",
            Code(step.environment),
            ".",
        )
    active: tuple[Part, ...] = (key, " is active in ", Code(upstream), f", upstream of here, since {moment(since)}")
    soak = env.document.soak if env else None
    if soak is None:
        return (*active, f" ({age(change.now - since)}); no soak is asked for.")
    served = change.now - since
    state = "soak over" if served >= soak.duration else f"soak not over before {moment(since + soak.duration)}"
    requests = f" The {soak.requests} requests that it also asks for are not judged yet." if soak.requests else ""
    return (*active, f": {age(served)} of {duration_text(soak.duration)}, {state}.{requests}")
