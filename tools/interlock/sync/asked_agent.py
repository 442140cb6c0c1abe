"""Asks the agent of this machine, over its own HTTP endpoint, when it turned and polled last.

Called by `local_status`. It needs no secret: `/healthz` names nothing. What answers may be anything that took the port
meanwhile, so its answer is bounded and checked.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

from interlock.documents.listening import listen_address

DEADLINE = 2.0
MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class LastSeen:
    """`age` is seconds since the last turn ended; `last_poll` seconds since the epoch, 0 where none was answered."""

    age: float
    last_poll: float


def asked_agent(listen: str) -> LastSeen | None:
    """What the agent that listens there says; None where nobody gives a usable answer."""
    connection = HTTPConnection(*listen_address(listen), timeout=DEADLINE)
    try:
        connection.request("GET", "/healthz")
        told = json.loads(connection.getresponse().read(MAX_BYTES))
        return LastSeen(_seconds(told["seconds_since_last_turn"]), _seconds(told["last_poll"] or 0.0))
    except (OSError, HTTPException, ValueError, KeyError, TypeError, RecursionError):
        return None  # the files tell how old they are
    finally:
        connection.close()


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError("no time")
    return float(value)
