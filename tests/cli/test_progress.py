"""The progress bar: for terminals, and only when work takes time."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

PROGRAM = """
import sys
from interlock.cli.progress import progress_bar
with progress_bar("Reading adapter", patience={patience}) as report:
    if report:
        report(1, 2)
        report(2, 2)
print("bar" if report else "none", "rich" in sys.modules)
"""


def run_on_terminal(patience: float) -> tuple[bytes, str]:
    """What reaches the terminal on standard error, and what the program printed."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(patience=patience)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
        text=True,
    ) as process:
        os.close(theirs)
        drawn = b""
        with contextlib.suppress(OSError):  # reading a terminal ends with an error once the other side is closed
            while piece := os.read(ours, 65536):
                drawn += piece
        printed, _ = process.communicate(timeout=60)
    os.close(ours)
    return drawn, printed


def test_long_work_draws_a_bar_on_a_terminal() -> None:
    drawn, printed = run_on_terminal(patience=0)
    assert b"Reading adapter" in drawn
    assert printed == "bar True\n"


def test_short_work_draws_nothing_and_imports_nothing() -> None:
    drawn, printed = run_on_terminal(patience=3600)
    assert drawn == b""
    assert printed == "bar False\n"


def test_without_a_terminal_there_is_no_bar() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(patience=0)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (finished.stdout, finished.stderr) == ("none False\n", "")
