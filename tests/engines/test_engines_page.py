"""docs/engines.md says of each engine that is driven whether it was run here, and nothing more than that."""

from __future__ import annotations

import re
from pathlib import Path

from interlock.engines.registry import DRIVERS
from support.engine_processes import REPOSITORY

RUN = {"embedded", "vllm"}


def test_each_driven_engine_is_called_run_or_simulated_as_the_contract_suite_has_it() -> None:
    page = Path(REPOSITORY, "docs", "engines.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"(?m)^\| [^|]+ \| `([a-z]+)` \| yes \| \*\*(run|simulated)\*\*", page))
    assert rows == {kind: "run" if kind in RUN else "simulated" for kind in DRIVERS}
    simulators = {path.stem for path in Path(REPOSITORY, "tests", "support", "simulators").glob("*.py")}
    assert {kind for kind, how in rows.items() if how == "simulated"} <= simulators


def test_the_page_counts_the_questions_of_the_contract_suite() -> None:
    page = Path(REPOSITORY, "docs", "engines.md").read_text(encoding="utf-8")
    suite = Path(REPOSITORY, "tests", "engines", "test_contract.py").read_text(encoding="utf-8")
    questions = len(re.findall(r"(?m)^def test_", suite))
    assert f"same {questions} questions" in page
