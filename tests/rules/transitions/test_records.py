"""Records are add-only."""

from __future__ import annotations

from support.changes import Proposal
from support.checks import WHOLE_FILE
from support.repositories import base_manifest, manifest

REVOCATIONS = "policies/revocations.yaml"
REVOKED = {"adapter": "sql-helper", "revision": "9", "reason": "withdrawn data", "date": "2026-11-01", "by": "alice"}
EVIDENCE = "adapters/support-bot/evidence/1/offline-eval.json"


def test_a_manifest_that_was_merged_is_never_edited(proposal: Proposal) -> None:
    proposal.repository.change(manifest("support-bot", "2"), "provenance", "seeds", to=[18])
    finding = proposal.refused("record-changed", manifest("support-bot", "2"), WHOLE_FILE)
    assert f"-- {manifest('support-bot', '2')}" in finding.remedy


def test_a_base_that_was_merged_is_never_edited(proposal: Proposal) -> None:
    proposal.repository.change(base_manifest(), "license", to="mit")
    proposal.refused("record-changed", base_manifest(), WHOLE_FILE)


def test_evidence_that_was_merged_is_never_edited_and_never_removed(proposal: Proposal) -> None:
    proposal.repository.write(EVIDENCE, "{}\n")
    proposal.merge()
    proposal.repository.write(EVIDENCE, '{"better": true}\n')
    proposal.refused("record-changed", EVIDENCE, WHOLE_FILE)
    proposal.repository.remove(EVIDENCE)
    result = proposal.check()
    assert [finding.rule for finding in result.findings] == ["record-removed"]


def test_new_records_may_be_added(proposal: Proposal) -> None:
    proposal.repository.write(EVIDENCE, "{}\n")
    proposal.passes()


def test_a_manifest_that_nothing_names_any_more_is_not_removed_either(proposal: Proposal) -> None:
    proposal.repository.point("dev", "support-bot", active="2")
    proposal.merge()
    proposal.repository.remove(manifest("support-bot", "3"))
    proposal.refused("record-removed", manifest("support-bot", "3"), WHOLE_FILE)


def test_a_revocation_is_never_taken_back(proposal: Proposal) -> None:
    proposal.repository.change(REVOCATIONS, "revoked", to=[REVOKED])
    proposal.merge()
    proposal.repository.change(REVOCATIONS, "revoked", to=[])
    assert "is gone" in proposal.refused("revocation-withdrawn", REVOCATIONS, WHOLE_FILE).found
    proposal.repository.change(REVOCATIONS, "revoked", to=[REVOKED | {"reason": "a typing error"}])
    assert "reads differently" in proposal.refused("revocation-withdrawn", REVOCATIONS, WHOLE_FILE).found


def test_the_file_of_the_revocations_is_not_removed(proposal: Proposal) -> None:
    proposal.repository.change(REVOCATIONS, "revoked", to=[REVOKED])
    proposal.merge()
    proposal.repository.remove(REVOCATIONS)
    assert [finding.rule for finding in proposal.check().findings] == ["revocation-withdrawn"]


def test_revocations_are_added_in_any_order(proposal: Proposal) -> None:
    proposal.repository.change(REVOCATIONS, "revoked", to=[REVOKED])
    proposal.merge()
    proposal.repository.change(REVOCATIONS, "revoked", to=[REVOKED | {"revision": "8"}, REVOKED])
    proposal.passes()
