"""How long to wait before asking a forge again: by what it says, or twice as long each time. Pure."""

from __future__ import annotations

import email.utils
import math
from dataclasses import dataclass
from typing import Final

from interlock.approvals.forges.connection import Answer

FIRST_WAIT_S: Final = 1.0
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause of so many seconds before the next try. `asked` says that the forge named it; `helps` whether to try."""

    seconds: float
    why: str
    asked: bool = False
    helps: bool = True


def wait_after(number: int, why: str, answer: Answer | None = None, now: float = 0.0) -> Wait:
    """The pause after the try with this number (from 0); `now` is the wall clock in seconds since 1970."""
    own = Wait(FIRST_WAIT_S * 2**number, why)
    if answer is None:
        return own
    asked = _asked(answer, now)
    limited = answer.status == 429 or (answer.status == 403 and _is_rate_limit(answer))
    if limited and asked is not None:
        return Wait(asked, f"{why}: too many requests", asked=True)
    if answer.status in _LATER or limited:
        return Wait(max(own.seconds, asked or 0.0), why, asked=asked is not None)
    return Wait(0.0, why, helps=False)


def _is_rate_limit(answer: Answer) -> bool:
    """GitHub says 403 both for "never" and for "not now"."""
    return "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0"


def _asked(answer: Answer, now: float) -> float | None:
    """The pause that the forge names: `Retry-After` in seconds or as a date, or the time at which its limit ends."""
    after = answer.headers.get("retry-after", "")
    if _number(after) is not None:
        return _number(after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(after).timestamp() - now)
    except (ValueError, OverflowError):
        pass
    reset = _number(answer.headers.get("x-ratelimit-reset") or answer.headers.get("ratelimit-reset") or "")
    return None if reset is None else max(0.0, reset - now) + 1.0


def _number(text: str) -> float | None:
    """A non-negative number of seconds; nothing that is not plain digits."""
    return float(text) if text.isascii() and text.isdigit() and math.isfinite(float(text)) else None
