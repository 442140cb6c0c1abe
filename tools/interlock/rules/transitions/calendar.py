"""When a change may be merged: inside the declared windows, and while nobody holds the environment.

Rollbacks pass: a fault does not wait for office hours.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from interlock.documents.kinds.environment import ChangeWindow, Environment, Hold
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding
from interlock.rules.change import Change, PointerStep
from interlock.rules.rule import TransitionRule
from interlock.rules.time_zones import zone_named

FAMILY = "calendar"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def outside_window(change: Change) -> Iterator[Finding]:
    """A promotion at a time at which the environment takes none."""
    for step in change.promotions:
        env = change.environment(step.environment)
        if env is None or not env.document.windows:
            continue
        unknown = [window.timezone for window in env.document.windows if zone_named(window.timezone) is None]
        if unknown:
            yield _unknown_zone(step, env, f"there is no time zone {unknown[0]} here")
        elif not any(_is_open(window, change.now) for window in env.document.windows):
            yield _closed(step, env, change.now)


def _closed(step: PointerStep, env: Located[Environment], now: dt.datetime) -> Finding:
    return Finding(
        "outside-window",
        step.place("active"),
        f"{step.environment} takes no promotions now ({now.astimezone(dt.UTC):%a %Y-%m-%d %H:%M} UTC)",
        f"one of its windows: {'; '.join(map(_window_text, env.document.windows))} ({env.path})",
        "merge it in the next window; a rollback needs none: interlock rollback --help",
        environment=step.environment,
    )


def _unknown_zone(step: PointerStep, env: Located[Environment], why: str) -> Finding:
    return Finding(
        "outside-window",
        step.place("active"),
        f"the windows of {step.environment} could not be judged: {why}",
        "time zones that this machine knows, for example Europe/Berlin",
        f"correct `timezone` in {env.path}, or install the time zone data (Debian: tzdata; Python: the package tzdata)",
        evaluated=False,
        environment=step.environment,
    )


def _is_open(window: ChangeWindow, now: dt.datetime) -> bool:
    """Whether `now` is in the window; one that ends before it begins goes on after midnight."""
    local = now.astimezone(zone_named(window.timezone))
    clock, today = local.strftime("%H:%M"), _DAYS[local.weekday()]
    if window.from_ < window.to:
        return today in window.days and window.from_ <= clock < window.to
    yesterday = _DAYS[local.weekday() - 1]
    return (today in window.days and clock >= window.from_) or (yesterday in window.days and clock < window.to)


def _window_text(window: ChangeWindow) -> str:
    return f"{' '.join(window.days)} {window.from_}–{window.to} {window.timezone}"


def environment_on_hold(change: Change) -> Iterator[Finding]:
    """A promotion into an environment, or of an adapter, that somebody holds."""
    for step in change.promotions:
        env = change.environment(step.environment)
        for hold in env.document.holds if env else ():
            if env and hold.adapter in (None, step.adapter) and not _is_over(hold, change.now):
                yield _held(step, env, hold)


def _is_over(hold: Hold, now: dt.datetime) -> bool:
    return hold.until is not None and now.astimezone(dt.UTC).date() > hold.until


def _held(step: PointerStep, env: Located[Environment], hold: Hold) -> Finding:
    what = f"{hold.adapter} in {step.environment}" if hold.adapter else step.environment
    end = f" until {hold.until}" if hold.until else ""
    return Finding(
        "environment-on-hold",
        step.place("active"),
        f"{hold.by} holds {what}{end}: {hold.reason}",
        "no hold, or its last day over",
        f"ask {hold.by}; when it is settled, remove the hold from {env.path} in a change of its own",
        environment=step.environment,
    )


RULES = (
    TransitionRule(
        "outside-window",
        "A promotion outside the change windows",
        "The people who would notice and repair a bad revision are not there.",
        "Merge it in the next window.",
        FAMILY,
        outside_window,
    ),
    TransitionRule(
        "environment-on-hold",
        "A promotion while promotions are held",
        "Somebody stopped promotions for a reason, for example an incident that is still open.",
        "Settle the reason, then remove the hold.",
        FAMILY,
        environment_on_hold,
    ),
)
