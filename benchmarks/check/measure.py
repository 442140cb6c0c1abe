"""Times `interlock check` on a generated repository, beside git's own reading and check-jsonschema, in one run.

`python -m benchmarks.check.measure [--adapters N]`; also `python -m benchmarks check`. check-jsonschema is needed for
this comparison only, from an environment of its own on PATH; where there is none, its figures are null.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.check.generate import EXAMPLE, PROMOTED, Size, generate
from interlock.documents.layout import Standing, classify

CHECK = (str(Path(sys.executable).parent / "interlock"), "check")
RUNS = 5
"""Runs of what takes less than two seconds; the median is told."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command took: wall-clock seconds, and the most memory that it held, in MB."""

    seconds: float
    megabytes: float
    status: int


def measure(root: Path, size: Size | None = None) -> dict[str, object]:
    """The figures for one size, each of whole commands. A check that does not end clean is an error."""
    size = size or Size()
    repository = root / "repository"
    generate(repository, size)
    cache, nothing = {"INTERLOCK_CACHE_DIR": str(root / "cache")}, {"INTERLOCK_CACHE_DIR": ""}
    _cost([*CHECK, "--staged"], repository, nothing)  # writes the bytecode of a fresh clone
    cold = clean(CHECK, repository, cache)
    reading = _cat_file(repository)
    found: dict[str, object] = {
        "revisions": size.adapters * size.revisions,
        "cold": _words(cold),
        "warm": _words(_median(CHECK, repository, cache)),
        "promotion": _words(_median([*CHECK, "--base", "HEAD~1"], repository, nothing)),
        "git_cat_file": _words(reading),
        "cold_over_git_cat_file": round(cold.seconds / reading.seconds, 2),
    }
    _touch(repository)
    found["one_file_changed"] = _words(clean(CHECK, repository, cache))
    (repository / PROMOTED).write_bytes((repository / PROMOTED).read_bytes() + b"# reviewed\n")
    subprocess.run(["git", "-C", str(repository), "add", PROMOTED], check=True)
    found["staged"] = _words(_median([*CHECK, "--staged"], repository, cache))
    other = _json_schema(repository)
    found["check_jsonschema"] = other and _words(other)
    found["check_jsonschema_over_cold"] = other and round(other.seconds / cold.seconds, 2)
    return found


def _touch(repository: Path) -> None:
    """Change one file that no commit holds, so that what is remembered of the whole is of no use."""
    (repository / "adapters/a00000/notes/new.md").write_text("A note.\n", encoding="utf-8")


def _median(command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> Cost:
    """The run in the middle of several."""
    runs = sorted((clean(command, directory, environment) for _ in range(RUNS)), key=lambda cost: cost.seconds)
    return runs[RUNS // 2]


def _words(cost: Cost) -> dict[str, float]:
    return {"seconds": round(cost.seconds, 3), "megabytes": round(cost.megabytes), "status": cost.status}


def clean(command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> Cost:
    """What a command costs that has to pass."""
    cost = _cost(command, directory, environment)
    if cost.status:
        raise RuntimeError(f"{' '.join(command)} in {directory} ended with status {cost.status}, and should pass")
    return cost


def _cost(command: Sequence[str], directory: Path, environment: Mapping[str, str], stdin: int | None = None) -> Cost:
    # As an installed program runs, whose bytecode lies beside it.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    with subprocess.Popen(
        command, cwd=directory, env={**inherited, **environment}, stdin=stdin, stdout=subprocess.DEVNULL
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(time.perf_counter() - started, used.ru_maxrss / 1024, process.returncode)


def _cat_file(repository: Path) -> Cost:
    """Only reading the documents' blobs: what nobody who looks at each of them can be faster than."""
    listing = subprocess.run(
        ["git", "ls-tree", "-r", "HEAD"], cwd=repository, check=True, capture_output=True, text=True
    ).stdout
    lines = (line.split("\t") for line in listing.splitlines())
    blobs = [words.split()[2] for words, path in lines if classify(path).standing is Standing.DOCUMENT]
    with tempfile.TemporaryFile() as wanted:
        wanted.write("".join(f"{blob}\n" for blob in blobs).encode())
        wanted.seek(0)
        return _cost(["git", "cat-file", "--batch", "--buffer"], repository, {}, wanted.fileno())


def _json_schema(repository: Path) -> Cost | None:
    """check-jsonschema over the manifests, with our schema of them; it takes all of them in one call."""
    program = shutil.which("check-jsonschema")
    if not program:
        return None
    schema = EXAMPLE / "docs/schemas/adapter-revision.schema.json"
    manifests = sorted(str(path.relative_to(repository)) for path in repository.glob("adapters/*/revisions/*.yaml"))
    return _cost([program, "--schemafile", str(schema), *manifests], repository, {})


def main() -> None:
    """Measure one size and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check.measure", description=__doc__)
    parser.add_argument("--adapters", type=int, default=Size().adapters)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as root:
        print(json.dumps(measure(Path(root) / "scratch", Size(given.adapters)), indent=2))


if __name__ == "__main__":
    main()
