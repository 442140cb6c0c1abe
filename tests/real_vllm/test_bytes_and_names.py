"""Bytes never change under a name: what happens on the real engine when they do, and that the agent's way is safe.

Each test first loads an adapter by hand and shows the hazard, then does the same as the agent does: placed in the
content-addressed store, under a name that holds the digest.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from interlock.artifacts.digests import describe_directory, file_set_digest
from interlock.artifacts.sources import open_source
from interlock.artifacts.store import ArtifactStore
from interlock.documents.identifiers import ServedName
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.documents.tree import WorkingTree
from interlock.errors import EngineRefused
from support.engine_clients import STREAMED, end_of, events_of
from support.engine_processes import wait_until
from support.living_example import REPOSITORY, LivingExample
from support.vllm_serving import Serving

pytestmark = pytest.mark.vllm

MakeAdapter = Callable[..., Path]
FillCache = Callable[[Serving], None]
STREAM_TOKENS = 200


class Node:
    """What the agent does with bytes: place them in the store, load them under their served name."""

    def __init__(self, serving: Serving, root: Path) -> None:
        self._serving = serving
        self._store = ArtifactStore(root)
        self._tree = WorkingTree(REPOSITORY)

    def place(self, artifact: Artifact) -> Path:
        """Bring the bytes into the store."""
        return self._store.place(artifact, open_source(artifact, self._tree))

    def load(self, adapter: str, revision: str, artifact: Artifact) -> str:
        """Place and load; returns the served name."""
        name = str(ServedName.of(adapter, revision, artifact.digest))
        self._serving.driver.load(name, str(self.place(artifact)))
        return name


@pytest.fixture
def node(guarded: Serving, tmp_path: Path) -> Node:
    """A node with an empty store."""
    return Node(guarded, tmp_path / "store")


def artifact_in(directory: Path) -> Artifact:
    """The files of a directory as an artifact."""
    files = describe_directory(directory)
    return Artifact(uri=f"file://{directory}", digest=file_set_digest(files), files=files)


def copied(source: Path, target: Path) -> Path:
    """Put the files of `source` over those of `target`."""
    return Path(shutil.copytree(source, target, dirs_exist_ok=True))


def state_of(directory: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, size and modification time of everything in a directory and of itself."""
    stats = {path.name: path.stat() for path in (directory, *directory.iterdir())}
    return {name: (stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}


def test_bytes_overwritten_at_a_path_are_served_after_an_eviction_and_the_store_overwrites_none(
    guarded: Serving, node: Node, example: LivingExample, tmp_path: Path, fill_cache: FillCache
) -> None:
    mutable = copied(example.adapter("support-bot", "1"), tmp_path / "latest")
    assert guarded.load_by_hand("by-hand", mutable).status_code == 200
    first = guarded.ask_by_name("by-hand")
    fill_cache(guarded)
    copied(example.adapter("support-bot", "3"), mutable)
    assert guarded.ask_by_name("by-hand") != first, "other weights are served although nobody called the engine"

    guarded.reset()
    name = node.load("support-bot", "1", example.artifact("support-bot", "1"))
    placed = Path(guarded.driver.adapters()[name])
    before = state_of(placed)
    other = node.place(example.artifact("support-bot", "3"))
    assert other != placed
    fill_cache(guarded)
    assert node.place(example.artifact("support-bot", "1")) == placed
    assert state_of(placed) == before
    assert guarded.ask_by_name(name) == first


def test_new_bytes_get_a_new_name_and_a_new_directory(
    guarded: Serving, node: Node, example: LivingExample, tmp_path: Path
) -> None:
    directory = copied(example.adapter("support-bot", "1"), tmp_path / "candidate")
    first = node.load("support-bot", "7", artifact_in(directory))
    copied(example.adapter("support-bot", "3"), directory)
    second = node.load("support-bot", "7", artifact_in(directory))
    assert first != second
    roots = guarded.driver.adapters()
    assert roots[first] != roots[second]
    assert all(ServedName.parse(name).digest_prefix == Path(root).name[:12] for name, root in roots.items())
    assert (
        guarded.ask_by_name(first)
        == guarded.ask_by_name(example_name(guarded, example, "1"))
        != guarded.ask_by_name(second)
    )


def example_name(serving: Serving, example: LivingExample, revision: str) -> str:
    """Load a revision of the support bot straight from the repository; returns its served name."""
    name = example.served("support-bot", revision)
    serving.driver.load(name, str(example.adapter("support-bot", revision)))
    return name


def test_a_loaded_name_changes_its_weights_in_place_and_the_driver_never_asks_for_that(
    guarded: Serving, node: Node, example: LivingExample
) -> None:
    one, two = example.adapter("support-bot", "1"), example.adapter("support-bot", "2")
    assert guarded.load_by_hand("by-hand", one).status_code == 200
    first = guarded.ask_by_name("by-hand")
    assert guarded.load_by_hand("by-hand", two).status_code == 400
    assert guarded.load_by_hand("by-hand", two, load_inplace=True).status_code == 200
    assert guarded.ask_by_name("by-hand") != first, "the same name answers with other weights"

    name = node.load("support-bot", "1", example.artifact("support-bot", "1"))
    root = guarded.driver.adapters()[name]
    guarded.driver.load(name, root)
    with pytest.raises(EngineRefused) as refused:
        guarded.driver.load(name, str(two))
    assert "loaded already" in refused.value.found
    assert guarded.driver.adapters()[name] == root
    assert guarded.ask_by_name(name) == first


def test_a_failed_load_in_place_keeps_the_old_weights(
    guarded: Serving, example: LivingExample, make_adapter: MakeAdapter
) -> None:
    directory = example.adapter("support-bot", "2")
    assert guarded.load_by_hand("by-hand", directory).status_code == 200
    first = guarded.ask_by_name("by-hand")
    failed = guarded.load_by_hand("by-hand", make_adapter("too-large", rank=32), load_inplace=True)
    assert failed.status_code == 500
    assert guarded.ask_by_name("by-hand") == first
    assert guarded.driver.adapters() == {"by-hand": str(directory)}


def test_an_evicted_adapter_is_read_again_and_its_directory_outlives_its_unloading(
    guarded: Serving, node: Node, example: LivingExample, fill_cache: FillCache
) -> None:
    name = node.load("support-bot", "2", example.artifact("support-bot", "2"))
    first = guarded.ask_by_name(name)
    placed = Path(guarded.driver.adapters()[name])
    before = state_of(placed)
    fill_cache(guarded)
    assert guarded.ask_by_name(name) == first
    guarded.driver.unload(name)
    assert guarded.complete_by_name(name).status_code == 404
    assert state_of(placed) == before
    assert guarded.engine.alive()
    assert node.load("support-bot", "2", example.artifact("support-bot", "2")) == name
    assert guarded.ask_by_name(name) == first


def test_a_stream_finishes_although_its_adapter_is_unloaded(
    guarded: Serving, node: Node, example: LivingExample
) -> None:
    name = node.load("support-bot", "2", example.artifact("support-bot", "2"))
    body = {"model": name, "prompt": "x", "max_tokens": STREAM_TOKENS, "ignore_eos": True, **STREAMED}
    with guarded.agent.stream("POST", "/v1/completions", json=body) as answer:
        assert answer.status_code == 200
        lines = (line for line in answer.iter_lines() if line)
        seen = [next(lines)]
        guarded.driver.unload(name)
        assert name not in guarded.driver.adapters()
        assert guarded.complete_by_name(name).status_code == 404
        seen += lines
    assert seen[-1] == "data: [DONE]"
    assert end_of(events_of(seen)) == ("length", STREAM_TOKENS)


def test_names_alone_hide_a_foreign_root_so_the_driver_reports_both(
    guarded: Serving, node: Node, example: LivingExample
) -> None:
    artifact = example.artifact("support-bot", "2")
    name, elsewhere = example.served("support-bot", "2"), example.adapter("support-bot", "1")
    assert guarded.load_by_hand(name, elsewhere).status_code == 200
    assert guarded.driver.adapters() == {name: str(elsewhere)}
    with pytest.raises(EngineRefused):
        node.load("support-bot", "2", artifact)
    guarded.driver.unload(name)
    assert node.load("support-bot", "2", artifact) == name
    assert guarded.driver.adapters() == {name: str(node.place(artifact))}


def test_the_creation_time_in_the_list_changes_by_itself(guarded: Serving, example: LivingExample) -> None:
    example_name(guarded, example, "2")

    def created() -> list[int]:
        return [model["created"] for model in guarded.client.get("/v1/models").json()["data"]]

    first, listed = created(), guarded.driver.adapters()
    wait_until(lambda: created() != first, within=5, what="another creation time for the same adapters")
    assert guarded.driver.adapters() == listed


def test_unknown_fields_of_a_load_are_ignored_so_the_driver_believes_only_the_list(
    guarded: Serving, node: Node, example: LivingExample
) -> None:
    directory = example.adapter("support-bot", "1")
    mistyped = guarded.load_by_hand("by-hand", directory, lora_digest="sha256:0", load_in_place=True)
    assert (mistyped.status_code, mistyped.text) == (200, "Success: LoRA adapter 'by-hand' added successfully.")

    name = node.load("support-bot", "2", example.artifact("support-bot", "2"))
    assert guarded.driver.adapters()[name] == str(node.place(example.artifact("support-bot", "2")))
