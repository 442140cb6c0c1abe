"""What a status takes over from the one before: since when each condition holds, and the history of what was served.

Called by `status_files.py` after every turn, and with what an earlier process of the agent wrote. Pure.
"""

from __future__ import annotations

from dataclasses import replace

from interlock.sync.status import MAX_HISTORY, Change, Condition, Status, Wait

_SAME_MOMENT = 1.0


def continued(status: Status, earlier: Status | None, now: float) -> Status:
    """`status` as the successor of `earlier`; `now` in seconds since the epoch."""
    joined = replace(
        status,
        commits=replace(status.commits, served=status.commits.served or (earlier.commits.served if earlier else None)),
        conditions=_since(status, earlier, now),
        waiting=_waits(status, earlier),
    )
    return _with_history(joined, earlier, now)


def under_way(status: Status, found: Status, now: float) -> Status:
    """What watchers are told before a turn changes anything: `status` was the last one, `found` what the turn saw.

    A node that was ready no longer is. One that was not keeps its reason: that it is being worked on is no news, and an
    alarm about it must not pause at every turn.
    """
    kinds = {"Fetched", "Loaded", "Served", "RollbackReady", "Available"}
    if status.condition("Ready").status == "True":
        kinds |= {"Ready", "Reconciling"}
    seen = tuple(found.condition(one.type) if one.type in kinds else one for one in status.conditions)
    commits = replace(status.commits, attempted=found.commits.attempted, accepted=found.commits.accepted)
    told = replace(status, conditions=seen, commits=commits, aliases=found.aliases, loaded=found.loaded)
    return replace(told, conditions=_since(told, status, now))


def after_bug(status: Status, why: str, now: float) -> Status:
    """The status once a turn failed in a way that nobody foresaw: what it says of the rest was not looked at again."""
    told = {
        "Ready": Condition("Ready", "False", "Bug", f"the last turn failed: {why}"),
        "Reconciling": Condition("Reconciling", "True", "Bug", f"the last turn failed: {why}"),
        "Available": Condition("Available", "Unknown", "Bug", f"the last turn failed: {why}"),
    }
    changed = replace(status, conditions=tuple(told.get(one.type, one) for one in status.conditions))
    return replace(changed, conditions=_since(changed, status, now))


def _since(status: Status, earlier: Status | None, now: float) -> tuple[Condition, ...]:
    """Each condition with the time since which it holds: the earlier one's if its status did not change."""
    before = {condition.type: condition for condition in earlier.conditions} if earlier else {}

    def since(condition: Condition) -> float:
        old = before.get(condition.type)
        return old.since if old and old.status == condition.status else now

    return tuple(replace(condition, since=since(condition)) for condition in status.conditions)


def _waits(status: Status, earlier: Status | None) -> tuple[Wait, ...]:
    """The waits, each with the moment that was told before where it is the same one.

    It is computed from two clocks anew at each turn, and a status that differs by a microsecond would be written again.
    """
    before = {(one.subject, one.reason): one for one in earlier.waiting} if earlier else {}
    return tuple(_told_before(one, before.get((one.subject, one.reason))) for one in status.waiting)


def _told_before(wait: Wait, earlier: Wait | None) -> Wait:
    if earlier is None or wait.retry_at is None or earlier.retry_at is None:
        return wait
    same = abs(wait.retry_at - earlier.retry_at) < _SAME_MOMENT
    return replace(wait, retry_at=earlier.retry_at) if same else wait


def _with_history(status: Status, earlier: Status | None, now: float) -> Status:
    history, serving, flips = (earlier.history, earlier.serving, earlier.flips) if earlier else ((), (), 0)
    if status.condition("Served").status == "Unknown":  # nobody looked at the routes in this turn
        return replace(status, history=history, serving=serving, flips=flips)
    before = {change.alias: change for change in serving}
    after = {
        row.alias: Change(now, status.commits.accepted, row.alias, row.served, row.canary) for row in status.aliases
    }
    changes = _changes(before, after, now, status.commits.accepted)
    latest = before | {change.alias: change for change in changes}
    return replace(
        status,
        history=(*history, *changes)[-MAX_HISTORY:],
        serving=tuple(latest[alias] for alias in sorted(latest) if latest[alias].served),
        flips=flips + len(changes),
    )


def _changes(before: dict[str, Change], after: dict[str, Change], now: float, commit: str | None) -> list[Change]:
    changed = [change for alias, change in after.items() if _leads(change) != _leads(before.get(alias))]
    return changed + [Change(now, commit, alias, "", "") for alias in before if alias not in after]


def _leads(change: Change | None) -> tuple[str, str]:
    return (change.served, change.canary) if change else ("", "")
