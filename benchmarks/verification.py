"""How fast artifacts are verified before a load, beside two parallel `sha256sum` over the same files, in one run.

Limit: at least 0.9 of their throughput. Two files of 500 MB each, warm in the page cache for both sides: once as two
files of one artifact, once as two artifacts of one file each, as the agent verifies what it loads next. Rounds take
turns, the median of five counts. Where `openssl` is installed two parallel `openssl dgst -sha256` run too: they use the
processor's own instructions, which not every `sha256sum` does. Also measured: bringing an artifact from a directory
(read, hash, write, sync), and how much memory all of that takes.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from interlock.artifacts.digests import describe_directory, file_set_digest
from interlock.artifacts.sources import DirectoryFiles
from interlock.artifacts.store import ArtifactStore
from interlock.documents.kinds.adapter_revision import Artifact, ArtifactFile

FILES = ("adapter_model.safetensors", "second.safetensors")
MEGABYTE = 1_000_000
MEGABYTES = 500
ROUNDS = 5


def measure(root: Path) -> dict[str, float]:
    """Write two files below `root`, bring them into a store, and verify them there in turns with `sha256sum`."""
    files = _write(root / "both")
    before = _peak_megabytes()
    store = ArtifactStore(root / "store")
    both = _artifact(files)
    bringing = _seconds(lambda: store.place(both, DirectoryFiles(root / "both")))
    single = [_placed_alone(store, root, file) for file in files]
    paths = [store.path_of(artifact) / file.path for artifact, file in zip(single, files, strict=True)]
    rounds = {
        "two_files_verified": lambda: store.verify(both),
        "two_adapters_verified": lambda: _verify_in_order(store, single),
        "two_parallel_sha256sum": lambda: _in_parallel(["sha256sum"], paths),
    }
    if shutil.which("openssl"):
        rounds["two_parallel_openssl"] = lambda: _in_parallel(["openssl", "dgst", "-sha256"], paths)
    taken: dict[str, list[float]] = {name: [] for name in rounds}
    for _ in range(ROUNDS):
        for name, work in rounds.items():
            taken[name].append(_seconds(work))
    seconds = {name: statistics.median(times) for name, times in taken.items()}
    megabytes = both.size / MEGABYTE
    theirs = {name: seconds[name] for name in seconds if name.startswith("two_parallel")}
    return {
        **{f"{name}_megabytes_per_second": round(megabytes / seconds[name]) for name in seconds},
        **{f"ratio_to_{name}": round(theirs[name] / seconds["two_files_verified"], 2) for name in theirs},
        **{f"adapters_ratio_to_{name}": round(theirs[name] / seconds["two_adapters_verified"], 2) for name in theirs},
        "limit_ratio": 0.9,
        "brought_megabytes_per_second": round(megabytes / bringing),
        "memory_on_top_megabytes": round(_peak_megabytes() - before, 1),
    }


def _write(directory: Path) -> tuple[ArtifactFile, ...]:
    directory.mkdir(parents=True)
    for name in FILES:
        with (directory / name).open("wb") as file:
            piece = os.urandom(MEGABYTE)
            for _ in range(MEGABYTES):
                file.write(piece)
    return describe_directory(directory)


def _artifact(files: tuple[ArtifactFile, ...]) -> Artifact:
    return Artifact(uri="file:///measured", digest=file_set_digest(files), files=files)


def _placed_alone(store: ArtifactStore, root: Path, file: ArtifactFile) -> Artifact:
    artifact = _artifact((file,))
    store.place(artifact, DirectoryFiles(root / "both"))
    return artifact


def _verify_in_order(store: ArtifactStore, artifacts: list[Artifact]) -> None:
    with store.verifying_ahead(artifacts):
        for artifact in artifacts:
            store.verify(artifact)


def _in_parallel(command: list[str], paths: list[Path]) -> None:
    running = [subprocess.Popen([*command, path], stdout=subprocess.DEVNULL) for path in paths]
    assert [process.wait(timeout=300) for process in running] == [0, 0]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
