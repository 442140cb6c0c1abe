"""What a rollback needs stays."""

from __future__ import annotations

from support.changes import Proposal
from support.checks import WHOLE_FILE
from support.repositories import artifact, environment

WEIGHTS = f"{artifact('support-bot', '2')}/adapter_model.safetensors"


def promoted_away(proposal: Proposal) -> None:
    """Staging served 2 and serves 3; nothing names 2 any more."""
    proposal.repository.point("staging", "support-bot", active="3")
    proposal.merge()


def removed(proposal: Proposal) -> None:
    proposal.repository.remove(artifact("support-bot", "2"))


def test_the_bytes_of_a_rollback_target_stay(proposal: Proposal) -> None:
    promoted_away(proposal)
    removed(proposal)
    found = [f for f in proposal.check().findings if f.rule == "rollback-target-removed"]
    assert [f.place.path for f in found] == [
        WEIGHTS.replace("adapter_model.safetensors", "adapter_config.json"),
        WEIGHTS,
    ]
    assert all("staging may roll back to support-bot@2" in f.found for f in found)


def test_the_bytes_of_what_is_served_stay(proposal: Proposal) -> None:
    proposal.repository.remove(WEIGHTS)
    finding = proposal.refused("rollback-target-removed", WEIGHTS, WHOLE_FILE, beside={"artifact-missing"})
    assert "staging names support-bot@2" in finding.found


def test_a_policy_may_keep_more_than_the_environment(proposal: Proposal) -> None:
    promoted_away(proposal)
    proposal.repository.change(environment("staging"), "keep_previous", to=0)
    proposal.merge()
    removed(proposal)
    assert "rollback-target-removed" not in {f.rule for f in proposal.check().findings}
    policy = {"kind": "Policy", "environments": ["staging"], "retention": {"keep": 1}}
    proposal.repository.write("policies/staging.yaml", policy)
    proposal.merge()
    removed(proposal)
    assert "rollback-target-removed" in {f.rule for f in proposal.check().findings}
