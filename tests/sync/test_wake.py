"""Hints end pauses, and none is lost."""

from __future__ import annotations

import threading
import time

from interlock.sync.wake import Wake


def test_a_hint_during_a_turn_ends_the_next_pause_at_once() -> None:
    wake, begun = Wake(), time.monotonic()
    wake.hint()
    wake.hint()
    assert wake.wait(60.0)
    assert not wake.wait(0.0)
    assert time.monotonic() - begun < 30


def test_a_nudge_ends_a_pause_and_makes_no_poll_due() -> None:
    wake = Wake()
    wake.nudge()
    assert not wake.wait(60.0)


def test_a_hint_from_another_thread_ends_a_pause_that_has_begun() -> None:
    wake = Wake()
    other = threading.Timer(0.05, wake.hint)
    other.start()
    assert wake.wait(60.0)
    other.join()


def test_stopping_ends_the_pause_and_stays() -> None:
    wake = Wake()
    wake.stop()
    wake.wait(60.0)
    assert wake.stopped
