"""From the push of a `git revert` to the first answer of the old revision, under load, with a poll every second.

Limit: 2 s, and no failed request. Plays the whole demonstration several times on the embedded engine.
"""

from __future__ import annotations

from pathlib import Path

from interlock.demo.story import tell

REPOSITORY = Path(__file__).resolve().parents[1]
ROUNDS = 5


def measure(root: Path) -> dict[str, object]:
    """Seconds of each round, and the requests asked meanwhile."""
    told = [tell(REPOSITORY, root / str(number), "embedded", lambda _: None) for number in range(ROUNDS)]
    return {
        "rollback_seconds": [one.rollback_seconds for one in told],
        "promote_seconds": [one.promote_seconds for one in told],
        "limit_seconds": 2.0,
        "requests": sum(one.requests for one in told),
        "failed_requests": sum(one.failed_requests for one in told),
    }
