"""The first `adapter.yaml` of an adapter: what the flags said, and placeholders with a comment for the rest.

Called by register_adapter. A person edits the file afterwards; it is the one document of an adapter that changes.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Literal

_TEXT = """\
kind: Adapter
name: {name}
description: {description}
# Who answers for the adapter, and where to call at night.
owners:
  team: {team}
  contact: {contact}
  escalation: {escalation}
# How often people look at it again, and when they last did.
review: {{cadence: 90d, last_reviewed: {today}}}
# low, medium or high: decides which evidence a promotion needs.
risk: {{tier: {tier}, content: false}}
"""
_EDIT = "   # please edit"


@dataclass(frozen=True, slots=True)
class Owner:
    """What the flags of `interlock register adapter` say about the adapter as such; None where they say nothing."""

    description: str | None = None
    team: str | None = None
    contact: str | None = None
    escalation: str | None = None
    tier: Literal["low", "medium", "high"] = "medium"


def adapter_text(name: str, owner: Owner, today: dt.date) -> str:
    """The text of `adapters/<name>/adapter.yaml`."""
    return _TEXT.format(
        name=json.dumps(name),
        description=_given(owner.description, f"What {name} is for, in one sentence."),
        team=_given(owner.team, "your-team"),
        contact=_given(owner.contact, "your-team@example.com"),
        escalation=_given(owner.escalation, "https://oncall.example.com/your-team"),
        today=today.isoformat(),
        tier=owner.tier,
    )


def placeholders(owner: Owner) -> tuple[str, ...]:
    """The fields that a person still has to fill in."""
    fields = {
        "description": owner.description,
        "owners.team": owner.team,
        "owners.contact": owner.contact,
        "owners.escalation": owner.escalation,
    }
    return tuple(field for field, value in fields.items() if value is None)


def _given(value: str | None, placeholder: str) -> str:
    # A JSON string is a YAML string in double quotes, whatever characters it holds.
    if value is None:
        return json.dumps(placeholder, ensure_ascii=False) + _EDIT
    return json.dumps(value, ensure_ascii=False)
