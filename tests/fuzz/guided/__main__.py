"""Coverage-guided fuzzing of the two readers that meet hostile bytes first; `make fuzz-guided` runs it.

    .venv/bin/python -m fuzz.guided document -max_total_time=600 SCRATCH tests/fuzz/guided/corpus/document

What it finds is written to a file `crash-…` (a violated property) or `timeout-…`. Every find is kept in `corpus/`,
which `test_corpus.py` reads in every run of the tests. Needs the package atheris (requirements-fuzz.lock).
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["interlock.documents", "interlock.artifacts", "json"]):
    from fuzz.guided.targets import TARGETS

SECONDS_EACH = 5
LONGEST_INPUT = 4096


def main() -> None:
    """Fuzz the target that the first argument names; the others are libFuzzer's."""
    name, *options = sys.argv[1:]
    words = Path(__file__).with_name("words") / f"{name}.dict"
    limits = [f"-timeout={SECONDS_EACH}", f"-max_len={LONGEST_INPUT}", f"-dict={words}"]
    atheris.Setup([sys.argv[0], *limits, *options], TARGETS[name])
    atheris.Fuzz()


main()
