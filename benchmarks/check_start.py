"""How long `interlock check` takes on the living example, beside starting Python and importing pydantic alone.

Limit: three times a bare `python -c "import pydantic"` plus half a second. Both are measured in turns in this run, so
that a slow machine slows both.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
ROUNDS = 15


def measure() -> dict[str, float]:
    """Median wall-clock seconds of both, and the limit that follows."""
    bare: list[float] = []
    check: list[float] = []
    command = [str(Path(sys.executable).with_name("interlock")), "check"]
    for _ in range(ROUNDS):
        bare.append(_seconds([sys.executable, "-c", "import pydantic"]))
        check.append(_seconds(command))
    pydantic = statistics.median(bare)
    return {
        "import_pydantic_seconds": round(pydantic, 3),
        "check_seconds": round(statistics.median(check), 3),
        "limit_seconds": round(3 * pydantic + 0.5, 3),
    }


def _seconds(command: Sequence[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=60)
    return time.perf_counter() - started
