"""Merges: a merged base says of what, into what and why; merged weights are no adapter."""

from __future__ import annotations

from typing import Any

import pytest

from support.checks import check, passes, refused
from support.repositories import BASE_DIRECTORY, Repository, artifact, base_manifest, manifest

MERGED = base_manifest(revision="2026-12")
TRIGGER = {"metric": "latency-ms", "threshold": 400, "observed": 520, "decided_by": "alice"}
PEDIGREE = {
    "kind": "merge",
    "base": {"name": "tiny-llama", "revision": "2026-11"},
    "adapter": {"name": "support-bot", "revision": "3"},
    "trigger": TRIGGER,
}


def merge(repository: Repository, **changed: Any) -> None:
    pedigree = {key: value for key, value in (PEDIGREE | changed).items() if value is not None}
    repository.write(MERGED, repository.read(base_manifest()) | {"revision": "2026-12", "pedigree": pedigree})


def test_a_merge_with_its_record_passes(repository: Repository) -> None:
    merge(repository)
    passes(repository)


@pytest.mark.parametrize("absent", ["base", "adapter", "trigger"])
def test_a_merge_without_its_record_is_refused(repository: Repository, absent: str) -> None:
    merge(repository, **{absent: None})
    assert absent in refused(repository, "merge-without-record", MERGED, "kind:").found


def test_a_merge_at_its_threshold_passes_and_below_it_is_refused(repository: Repository) -> None:
    merge(repository, trigger=TRIGGER | {"observed": 400})
    passes(repository)
    merge(repository, trigger=TRIGGER | {"observed": 399.5})
    refused(repository, "merge-not-justified", MERGED, "399.5")


def test_an_adapter_that_was_merged_and_is_not_there_is_refused(repository: Repository) -> None:
    merge(repository, adapter={"name": "support-bot", "revision": "9"})
    refused(repository, "merged-adapter-missing", MERGED, "name:")


def test_a_decision_to_merge_that_is_not_there_is_refused(repository: Repository) -> None:
    merge(repository, trigger=TRIGGER | {"decided_by": "docs/decisions/merge.md"})
    refused(repository, "named-file-missing", MERGED, '"docs/decisions/merge.md"')
    repository.write("docs/decisions/merge.md", "Latency.\n")
    passes(repository)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "model-00001-of-00002.safetensors", "consolidated.safetensors", "model.gguf"]
)
def test_merged_weights_as_an_adapter_are_refused(repository: Repository, name: str) -> None:
    weights = (repository.root / BASE_DIRECTORY / "model.safetensors").read_bytes()
    repository.write(f"{artifact('support-bot', '3')}/{name}", weights)
    repository.reseal("support-bot", "3")
    refused(repository, "whole-model-as-adapter", manifest("support-bot", "3"), f'"{name}"')


def test_merged_weights_in_a_pickle_are_two_flaws(repository: Repository) -> None:
    repository.write(f"{artifact('support-bot', '3')}/pytorch_model.bin", b"pickle")
    repository.reseal("support-bot", "3")
    assert {f.rule for f in check(repository).findings} == {"pickle-file", "whole-model-as-adapter"}
