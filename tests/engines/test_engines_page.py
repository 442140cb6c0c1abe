"""docs/engines.md says of each engine that is driven whether it was run here, and nothing more than that."""

from __future__ import annotations

import re
from pathlib import Path

from interlock.engines.driver import Capabilities
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


PROMISES = {
    "unload waits for running requests": "drains_on_unload",
    "unloaded is gone from the engine": "unloads",
    "reads at the first request": "lazy",
    "shows its tokenizer": "tokenizes",
    "shows its chat template": "templates",
    "a new process holds its adapters again": "comes_back_loaded",
}


def test_the_table_of_capabilities_is_that_of_the_drivers() -> None:
    page = Path(REPOSITORY, "docs", "engines.md").read_text(encoding="utf-8")
    table = page[page.index("| | vLLM | embedded |") :].partition("\n\n")[0]
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines())
    kinds = [name.lower() for name in head[1:]]
    assert set(kinds) == DRIVERS.keys()
    told = {row[0]: dict(zip(kinds, row[1:], strict=True)) for row in rows}
    for row, promise in PROMISES.items():
        for kind, factory in DRIVERS.items():
            capabilities: Capabilities = factory.capabilities  # type: ignore[attr-defined]
            assert told[row][kind].startswith("yes") is getattr(capabilities, promise), (row, kind)
    lists = {kind: not cell.startswith("**no") for kind, cell in told["lists adapters"].items()}
    assert lists == {kind: factory.capabilities.lists_adapters for kind, factory in DRIVERS.items()}  # type: ignore[attr-defined]
    boots = {kind for kind, cell in told["loads while it runs"].items() if "no: at its start" in cell}
    assert boots == {"tgi"} == {k for k, f in DRIVERS.items() if f.capabilities.boot_only}  # type: ignore[attr-defined]
