"""Run benchmarks and print one JSON document: `make bench`, or `python -m benchmarks [NAME …]`.

Without names: everything but `fleet`, which takes ten minutes, and `latency`, which needs `make vllm-environment`.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import audit, check_start, idle_agent, rollback, scale_inputs, signatures, verification
from benchmarks.check import growth as check_growth
from benchmarks.check import measure as check_large
from benchmarks.fleet import measure as fleet
from benchmarks.latency import measure as latency

BENCHMARKS: dict[str, Callable[[Path], object]] = {
    "audit": audit.measure,
    "check_start": lambda root: check_start.measure(),
    "check": check_large.measure,
    "check_growth": check_growth.measure,
    "fleet": fleet.measure,
    "idle_agent": idle_agent.measure,
    "latency": latency.measure,
    "rollback": rollback.measure,
    "scale_inputs": scale_inputs.measure,
    "signatures": signatures.measure,
    "verification": verification.measure,
}
ONLY_BY_NAME = ("fleet", "latency")


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(BENCHMARKS)}")
    names = parser.parse_args().names or [name for name in BENCHMARKS if name not in ONLY_BY_NAME]
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    results: dict[str, object] = {"python": platform.python_version(), "machine": platform.machine()}
    for name in names:
        with tempfile.TemporaryDirectory(prefix="interlock-bench-") as root:
            results[name] = BENCHMARKS[name](Path(root) / "scratch")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
