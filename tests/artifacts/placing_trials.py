"""A program for test_store.py: places one artifact in child processes that are killed, held up or starved of disk.

    python placing_trials.py ROOT ARTIFACT.json killed | removed | together N | limited BYTES

Prints one JSON document. Forks, so it runs by itself, without pytest's threads.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from interlock.artifacts.sources import open_source
from interlock.artifacts.store import ArtifactStore, Holdings
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.documents.tree import WorkingTree
from interlock.errors import ArtifactUnreachable, InterlockError


def main(root: str, document: str, trial: str, argument: str = "0") -> None:
    artifact = Artifact.model_validate_json(Path(document).read_text())
    trials: dict[str, Callable[[], Any]] = {
        "killed": lambda: killed(Path(root), artifact),
        "removed": lambda: removed(Path(root), artifact),
        "together": lambda: together(Path(root), artifact, int(argument)),
        "limited": lambda: limited(Path(root), artifact, int(argument)),
    }
    print(json.dumps(trials[trial]()))


def place(root: Path, artifact: Artifact, progress: Callable[[int, int], None] | None = None) -> Path:
    return ArtifactStore(root).place(artifact, open_source(artifact, WorkingTree(Path("/"))), progress)


def killed(root: Path, artifact: Artifact) -> list[dict[str, Any]]:
    """Kill a placement at its 1st, 2nd, 3rd … step, each in a store of its own, until one is not killed any more."""
    return _each_step(root, artifact, lambda own: place(own, artifact, lambda done, total: sys.audit("progress")))


def removed(root: Path, artifact: Artifact) -> list[dict[str, Any]]:
    """Kill the removal of a placed artifact at its 1st, 2nd, 3rd … step, likewise."""

    def remove(own: Path) -> None:
        holdings = Holdings(own)
        (holding,) = holdings.listed()
        holdings.remove(holding)

    return _each_step(root, artifact, remove, before=lambda own: place(own, artifact))


def _each_step(
    root: Path, artifact: Artifact, work: Callable[[Path], object], before: Callable[[Path], object] = Path.exists
) -> list[dict[str, Any]]:
    outcomes: list[dict[str, Any]] = []
    while True:
        own = root / str(len(outcomes))
        before(own)
        died = in_a_child(partial(_die_at, len(outcomes), partial(work, own)))
        placed = ArtifactStore(own).has(artifact)
        outcomes.append({"store": str(own), "died": died == -signal.SIGKILL, "placed": placed})
        if died == 0:
            return outcomes


def _die_at(step: int, work: Callable[[], object]) -> None:
    left = step

    def count(event: str, _: Any) -> None:
        nonlocal left
        if event == "open" or event.startswith(("os.", "shutil.", "fcntl.", "tempfile.", "progress")):
            left -= 1
            if left == -1:  # once: the call that kills is audited too
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    work()
    left = sys.maxsize


def together(root: Path, artifact: Artifact, processes: int) -> dict[str, Any]:
    """Let several processes place the same artifact at once, each as often as an agent would try again."""
    go_read, go_write = os.pipe()

    def place_patiently() -> None:
        os.read(go_read, 1)
        while not ArtifactStore(root).has(artifact):
            with suppress(ArtifactUnreachable):
                place(root, artifact)

    children = [fork(place_patiently) for _ in range(processes)]
    os.write(go_write, b"!" * processes)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    return {"codes": codes}


def limited(root: Path, artifact: Artifact, size: int) -> dict[str, str]:
    """Place under a limit on the size of files, which the kernel reports as it does a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        place(root, artifact)
    except InterlockError as error:
        return {"error": type(error).__name__, "text": str(error)}
    return {"error": "", "text": ""}


def in_a_child(work: Callable[[], None]) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(fork(work), 0)[1])


def fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    finally:
        os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
