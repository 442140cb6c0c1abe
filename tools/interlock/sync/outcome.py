"""How one turn of the agent ended. The loop decides by these types when to turn again; nothing is a bare boolean."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Done:
    """The engine serves exactly what git says."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing is wrong that time does not heal; look again after `after` seconds."""

    after: float
    why: str


@dataclass(frozen=True, slots=True)
class Stalled:
    """Something must be repaired by a person; what served before keeps serving."""

    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Failed:
    """This turn could not be finished (a remote or the engine did not answer); the next one tries again."""

    why: str


Outcome = Done | Waiting | Stalled | Failed
