"""What came of looking whether a commit may be believed. `reason` is one word for programs, see docs/node.md."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.sync.accepted import Accepted


@dataclass(frozen=True, slots=True)
class Trusted:
    """Everything that is demanded is there; `accepted` is what to write down once the commit's state passes too."""

    accepted: Accepted


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that time does not heal; what serves stays. `rules` are the ids of the rules behind it, if any."""

    reason: str
    why: str
    remedy: str
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotYet:
    """Something is not there, or could not be found out, and may be later: it is looked for again."""

    reason: str
    why: str
    remedy: str


Flaw = Refused | NotYet
TrustOutcome = Trusted | Refused | NotYet
