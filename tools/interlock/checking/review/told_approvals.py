"""Which approvals of a change were found, which of them count, and what is still missing. Called by `needs`.

Only where somebody asked for them; the quorum says what counts, and the page repeats it.
"""

from __future__ import annotations

from collections.abc import Iterator

from interlock.approvals.quorum import Quorum
from interlock.findings.markdown_page import Block, Bullet, Bullets, Line, Paragraph, Strong
from interlock.rules.change import Change, PointerStep
from interlock.rules.transitions.approvals import answers

SHOWN = 20
_STATUS = {"pass": "✅ enough", "fail": "❌ not enough", "unknown": "❓ could not be evaluated"}


def told_approvals(change: Change, step: PointerStep) -> Iterator[Block]:
    """The approvals of one pointer's change; nothing where nobody asked for them, or none are needed."""
    for decision, quorum in answers(change):
        if (decision.environment, decision.adapter) == (step.environment, step.adapter):
            yield Paragraph((Strong("Approvals found: "), f"{_STATUS[quorum.status]}."))
            bullets = tuple(_lines(quorum))
            if bullets:
                yield Bullets(bullets)


def _lines(quorum: Quorum) -> Iterator[Bullet]:
    told: list[Line] = [f"✅ {one.login}{f' as {one.role}' if one.role else ''}." for one in quorum.counted]
    told += [f"❌ {one.who}: does not count, because {one.why}." for one in quorum.not_counted]
    told += [f"❌ missing: {sentence}." for sentence in quorum.missing]
    told += [f"❌ {sentence}." for sentence in (*quorum.objections, *quorum.conflicts)]
    told += [f"❓ {sentence}." for sentence in quorum.unknown]
    yield from map(Bullet, told[:SHOWN])
    if len(told) > SHOWN:
        yield Bullet(f"and {len(told) - SHOWN} more.")
