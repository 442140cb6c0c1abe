"""Time zones by their IANA names, as `zoneinfo` knows them; rules about windows call it."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from dataclasses import dataclass

_PROBE = "Europe/Berlin"


@dataclass(frozen=True, slots=True)
class ZoneProblem:
    """Why a time zone cannot be used. `certain` is False where this machine knows no time zones at all."""

    why: str
    remedy: str
    certain: bool


def zone_named(name: str) -> dt.tzinfo | None:
    """The time zone of that name; None where there is none, or a text that is no name at all."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # `../x`, `Europe`: no names, or folders
        return None


def zone_problem(name: str) -> ZoneProblem | None:
    """What is wrong with a name, or None."""
    if zone_named(name):
        return None
    if zone_named(_PROBE):
        return ZoneProblem(
            "there is no such zone", "correct `timezone`; the names are those of the IANA database", True
        )
    install = "install the time zone data (Debian: tzdata; Python: the package tzdata)"
    return ZoneProblem("this machine knows no time zones", install, False)
