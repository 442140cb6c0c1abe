"""Runs `interlock` commands: in this process, or as a process of their own where that is what is tested.

outcome = interlock("check", repository.root)
assert outcome.status == 0, outcome.err
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.cli.main import main

TIMEOUT = 60.0


@dataclass(frozen=True)
class Outcome:
    """How a command ended: exit status, standard output and standard error."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Standard output read as one JSON document."""
        document: dict[str, Any] = json.loads(self.out)
        return document


def interlock(*words: str | Path) -> Outcome:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(word) for word in words])
    return Outcome(status, out.getvalue(), err.getvalue())


def interlock_process(
    *words: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Outcome:
    """Run a command as a process of its own, with these environment variables added."""
    finished = subprocess.run(
        [sys.executable, "-m", "interlock.cli.main", *map(str, words)],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return Outcome(finished.returncode, finished.stdout, finished.stderr)
