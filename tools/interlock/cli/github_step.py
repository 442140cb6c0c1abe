"""What `interlock check --format github` leaves for the runner beside its output: the summary of the step.

The runner names the file in `GITHUB_STEP_SUMMARY`; other tools of the step append to it too.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from interlock.cli.terminal import warn
from interlock.findings.github_summary import MOST_BYTES, github_summary
from interlock.findings.judgement import Judgement

VARIABLE = "GITHUB_STEP_SUMMARY"


def new_token() -> str:
    """A word that nobody can guess, to bracket what the runner must not obey."""
    return secrets.token_hex(16)


def append_summary(result: Judgement) -> None:
    """Append the table, where the runner asks for one; a summary that cannot be written changes no verdict."""
    named = os.environ.get(VARIABLE)
    if not named:
        return
    try:
        handle = os.open(Path(named), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        with os.fdopen(handle, "ab") as stream:
            text = github_summary(result, MOST_BYTES - os.fstat(handle).st_size)
            stream.write(text.encode("utf-8", errors="backslashreplace"))
    except OSError as error:
        warn(f"warning: the summary was not written to {VARIABLE}: {error.strerror}")
