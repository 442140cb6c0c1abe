"""The one place where checking asks what time it is; everything below takes the answer as an argument."""

from __future__ import annotations

import datetime as dt


def utc_now() -> dt.datetime:
    """The present moment, with the timezone UTC."""
    return dt.datetime.now(dt.UTC)


def utc_today() -> dt.date:
    """The present day in UTC, by which ends of waivers are judged."""
    return utc_now().date()
