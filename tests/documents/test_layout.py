"""Which path holds what, and that building a path and reading it back agree."""

from __future__ import annotations

import pytest

from interlock.documents.layout import (
    MODELS,
    PathClass,
    Standing,
    adapter_path,
    base_path,
    classify,
    environment_path,
    pointer_path,
    revision_path,
    unsafe_names,
)


@pytest.mark.parametrize(
    ("path", "kind", "names"),
    [
        (adapter_path("bot"), "Adapter", (("name", "bot"),)),
        (revision_path("bot", "1.2"), "AdapterRevision", (("adapter", "bot"), ("revision", "1.2"))),
        (base_path("tiny", "2026-05"), "BaseRevision", (("name", "tiny"), ("revision", "2026-05"))),
        (environment_path("dev"), "Environment", (("name", "dev"),)),
        (pointer_path("dev", "bot"), "Pointer", (("environment", "dev"), ("adapter", "bot"))),
        ("policies/revocations.yaml", "Revocations", ()),
        ("policies/roster.yaml", "Roster", ()),
        ("policies/waivers.yaml", "Waivers", ()),
        ("policies/production.yaml", "Policy", (("policy", "production"),)),
        ("policies/rules/slow.yaml", "Rule", (("id", "slow"),)),
    ],
)
def test_a_path_says_which_document_it_holds(path: str, kind: str, names: tuple[tuple[str, str], ...]) -> None:
    found = classify(path)
    assert found == PathClass(Standing.DOCUMENT, kind, names)
    assert found.values == tuple(text for _, text in names)
    assert kind in MODELS
    assert unsafe_names(found) == []


@pytest.mark.parametrize("path", ["README.md", "docs/adapters/x.yaml", "adapter/x.yaml", "Adapters/x.yaml", ""])
def test_a_path_outside_our_folders_is_not_ours(path: str) -> None:
    assert classify(path).standing is Standing.OUTSIDE


def test_an_unexpected_file_says_what_its_folder_may_hold() -> None:
    for folder in ("adapters", "bases", "environments", "policies"):
        found = classify(f"{folder}/x/y/z.txt")
        assert found.standing is Standing.UNEXPECTED
        assert f"{folder}/NAME" in found.expected


def test_a_name_that_is_not_safe_is_named() -> None:
    (complaint,) = unsafe_names(classify("adapters/Bot/adapter.yaml"))
    assert "'Bot' is not a valid name" in complaint
    assert unsafe_names(classify("adapters/a_b/notes/x")) != []
