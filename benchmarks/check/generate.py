"""Writes a large repository for the check benchmark: many adapters, revisions, pointers and evidence files.

Called by `measure`, or by hand: `python -m benchmarks.check.generate DIRECTORY [--adapters N] [--revisions N]`. Every
revision names the same small real artifact, that of the living example, which is copied once: so each one is judged to
the end without a network, and the repository stays small. It refuses a directory that exists.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2]
ADAPTER, REVISION, BASE = "support-bot", "2", "bases/tiny-llama/2026-11.yaml"
ENVIRONMENTS = {"dev": 0, "staging": 1, "production": 2}
"""How many revisions behind the newest each environment is before the promotion."""

PROMOTED = "environments/staging/pointers/a00000.yaml"
_WHEN = "Seed <benchmark@example.com> 1764547200 +0000"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is written: revisions and evidence files are counted for each adapter and each revision."""

    adapters: int = 1000
    revisions: int = 10
    evidence: int = 2


def generate(directory: Path, size: Size) -> None:
    """Write the repository with two commits: everything, then the promotion of one adapter to staging."""
    if size.adapters < 1 or size.revisions < 3:
        raise ValueError("at least one adapter with three revisions is needed, one for each environment")
    directory.mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(directory)], check=True)
    importer = subprocess.Popen(["git", "-C", str(directory), "fast-import", "--quiet"], stdin=subprocess.PIPE)
    assert importer.stdin
    with importer.stdin as stream:
        stream.writelines(_commit("Everything", _files(size)))
        promoted = {PROMOTED: _pointer("a00000", size.revisions).encode()}
        stream.writelines(_commit("Promote a00000 to staging", promoted.items()))
    if importer.wait():
        raise RuntimeError("git fast-import did not take the generated files")
    subprocess.run(["git", "-C", str(directory), "reset", "--hard", "--quiet"], check=True)


def _commit(message: str, files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    yield f"commit refs/heads/main\ncommitter {_WHEN}\ndata {len(message)}\n{message}\n".encode()
    for path, content in files:
        yield f'M 100644 inline "{path}"\ndata {len(content)}\n'.encode() + content + b"\n"


def _files(size: Size) -> Iterator[tuple[str, bytes]]:
    yield from _copied()
    manifest = (EXAMPLE / f"adapters/{ADAPTER}/revisions/{REVISION}.yaml").read_text()
    description = (EXAMPLE / f"adapters/{ADAPTER}/adapter.yaml").read_text()
    for environment in ENVIRONMENTS:
        yield f"environments/{environment}/environment.yaml", _environment(environment, size)
    for number in range(size.adapters):
        name = f"a{number:05d}"
        yield f"adapters/{name}/adapter.yaml", description.replace(ADAPTER, name).encode()
        for revision in range(1, size.revisions + 1):
            yield f"adapters/{name}/revisions/{revision}.yaml", _manifest(manifest, name, revision).encode()
            for index in range(size.evidence):
                yield f"adapters/{name}/evidence/{revision}/{index}.json", _evidence(name, revision, index)
        for environment, behind in ENVIRONMENTS.items():
            yield f"environments/{environment}/pointers/{name}.yaml", _pointer(name, size.revisions - behind).encode()


def _copied() -> Iterator[tuple[str, bytes]]:
    """The base, the policies and the one artifact, with what its manifest names."""
    manifest = (EXAMPLE / f"adapters/{ADAPTER}/revisions/{REVISION}.yaml").read_text()
    base = (EXAMPLE / BASE).read_text()
    named = [*re.findall(r"uri: file:(.*?)[},\s]", manifest + base)]
    paths = [EXAMPLE / BASE, *sorted((EXAMPLE / "policies").glob("*.yaml"))]
    paths += [EXAMPLE / f"adapters/{ADAPTER}/{kind}" for kind in ("recipes/2.yaml", "notes/2.md")]
    for directory in named:
        paths += sorted(path for path in (EXAMPLE / directory).iterdir() if path.is_file())
    for path in paths:
        where = path.relative_to(EXAMPLE).as_posix().replace(f"adapters/{ADAPTER}/", "adapters/a00000/")
        yield where, path.read_bytes()


def _environment(name: str, size: Size) -> bytes:
    """The living example's environment, with room for every adapter."""
    text = (EXAMPLE / f"environments/{name}/environment.yaml").read_text()
    return re.sub(r"max_cpu_loras: \d+", f"max_cpu_loras: {size.adapters * 4}", text).encode()


def _manifest(example: str, name: str, revision: int) -> str:
    text = example.replace(f"adapters/{ADAPTER}/", "adapters/a00000/").replace(ADAPTER + "\n", name + "\n", 1)
    text = text.replace(f'revision: "{REVISION}"', f'revision: "{revision}"', 1)
    lineage = "lineage: {}" if revision == 1 else f'lineage: {{previous: "{revision - 1}", anchor: "1"}}'
    return re.sub(r"lineage: \{.*\}", lineage, text)


def _pointer(name: str, revision: int) -> str:
    return f'kind: Pointer\nadapter: {name}\nactive: "{revision}"\nresidency: lazy\n'


def _evidence(name: str, revision: int, index: int) -> bytes:
    statement: Mapping[str, object] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": f"{name}@{revision}", "digest": {"sha256": f"{index:064x}"}}],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {"result": "PASSED", "configuration": [{"name": "core"}], "passedTests": [f"{name}-{index}"]},
    }
    return json.dumps(statement, indent=1).encode()


def main() -> None:
    """Write one repository."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check.generate", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--adapters", type=int, default=Size().adapters)
    parser.add_argument("--revisions", type=int, default=Size().revisions)
    given = parser.parse_args()
    generate(given.directory, Size(given.adapters, given.revisions))


if __name__ == "__main__":
    main()
