"""What an approval is bound to, computed here by hand from the files as docs/approvals.md describes it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from interlock.checking.binding import Binding, binding_between
from support.repositories import base_manifest, environment, manifest
from support.workshop import Workshop

EVIDENCE = "adapters/support-bot/evidence/2/core.json"


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop.begin(tmp_path)
    made.repository.write(EVIDENCE, "{}\n")
    made.repository.write("adapters/support-bot/evidence/1/core.json", "{}\n")
    made.repository.write("policies/rules/README.md", "Our rules.\n")
    made.commit("Evaluate 2")
    return made


def bound(workshop: Workshop, branch: str) -> Binding:
    opened = workshop.opened
    return binding_between(opened, opened.resolve("main"), opened.tree_of(opened.resolve(branch)))


def sha256(workshop: Workshop, path: str) -> str:
    return hashlib.sha256((workshop.repository.root / path).read_bytes()).hexdigest()


def policy_digest(workshop: Workshop, *documents: str) -> str:
    """By the recipe of the page, over the files that lie there."""
    root = workshop.repository.root
    policies = [path.relative_to(root).as_posix() for path in (root / "policies").rglob("*") if path.is_file()]
    lines = [
        f"{sha256(workshop, path)}  {(root / path).stat().st_size}  {path}\n"
        for path in sorted([*policies, *documents])
    ]
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def test_a_promotion_is_bound_to_its_records_evidence_and_policies(workshop: Workshop) -> None:
    workshop.promote("promote")
    binding = bound(workshop, "promote")
    assert (binding.environment, binding.adapter) == ("production", "support-bot")
    names = (manifest("support-bot", "2"), base_manifest())
    assert binding.manifests == {path: f"sha256:{sha256(workshop, path)}" for path in names}
    assert binding.evidence == {EVIDENCE: f"sha256:{sha256(workshop, EVIDENCE)}"}
    assert binding.policy_digest == policy_digest(workshop, environment("production"))


def test_a_new_revision_is_bound_to_its_record_and_names_no_environment(workshop: Workshop) -> None:
    workshop.git("checkout", "--quiet", "-B", "record", "main")
    fourth = workshop.repository.read(manifest("support-bot", "3")) | {"revision": "4"}
    workshop.repository.write(manifest("support-bot", "4"), fourth)
    workshop.commit("Record 4")
    digest = f"sha256:{sha256(workshop, manifest('support-bot', '4'))}"
    workshop.git("checkout", "--quiet", "main")
    binding = bound(workshop, "record")
    assert (binding.environment, binding.adapter) == (None, None)
    assert set(binding.manifests) == {manifest("support-bot", "4"), base_manifest()}
    assert binding.manifests[manifest("support-bot", "4")] == digest
    assert binding.policy_digest == policy_digest(workshop)


def test_a_change_of_two_environments_names_neither(workshop: Workshop) -> None:
    workshop.git("checkout", "--quiet", "-B", "both", "main")
    workshop.repository.point("dev", "support-bot", active="2")
    workshop.repository.point("production", "support-bot", active="2")
    workshop.commit("Both")
    workshop.git("checkout", "--quiet", "main")
    binding = bound(workshop, "both")
    assert binding.environments == ("dev", "production")
    assert (binding.environment, binding.adapter) == (None, "support-bot")
    assert binding.policy_digest == policy_digest(workshop, environment("dev"), environment("production"))


def test_a_proposal_that_changes_policies_is_bound_to_those_that_stood_before(workshop: Workshop) -> None:
    before = policy_digest(workshop)
    workshop.git("checkout", "--quiet", "-B", "policy", "main")
    workshop.repository.change("policies/production.yaml", "approvals", "count", to=1)
    workshop.commit("Ask for less")
    workshop.git("checkout", "--quiet", "main")
    assert bound(workshop, "policy").policy_digest == before
