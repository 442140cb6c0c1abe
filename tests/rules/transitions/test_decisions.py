"""One decision a change."""

from __future__ import annotations

from support.changes import Proposal
from support.checks import WHOLE_FILE
from support.repositories import environment, pointer

POLICY = "policies/production.yaml"


def test_a_pointer_changes_alone(proposal: Proposal) -> None:
    proposal.repository.point("dev", "support-bot", active="2")
    proposal.passes()


def test_a_pointer_and_another_file_are_two_decisions(proposal: Proposal) -> None:
    proposal.repository.point("dev", "support-bot", active="2")
    proposal.repository.write("adapters/support-bot/notes/4.md", "More.\n")
    finding = proposal.refused("pointer-not-alone", pointer("dev", "support-bot"), WHOLE_FILE)
    assert "adapters/support-bot/notes/4.md" in finding.found


def test_two_pointers_are_two_decisions(proposal: Proposal) -> None:
    proposal.repository.point("dev", "support-bot", active="2")
    proposal.repository.point("staging", "support-bot", active="1")
    found = [(f.rule, f.place.path) for f in proposal.check().findings if f.rule == "pointer-not-alone"]
    assert found == [
        ("pointer-not-alone", pointer("dev", "support-bot")),
        ("pointer-not-alone", pointer("staging", "support-bot")),
    ]


def test_a_pointer_that_cannot_be_read_is_still_a_pointer(proposal: Proposal) -> None:
    proposal.repository.write(pointer("dev", "support-bot"), "active: [\n")
    proposal.repository.write("README.md", "hello\n")
    assert "pointer-not-alone" in {finding.rule for finding in proposal.check().findings}


def test_a_policy_changes_alone(proposal: Proposal) -> None:
    proposal.repository.change(POLICY, "approvals", "count", to=0)
    proposal.passes()


def test_a_policy_and_what_it_decides_about_are_two_decisions(proposal: Proposal) -> None:
    proposal.repository.change(POLICY, "approvals", "count", to=0)
    proposal.repository.change(environment("production"), "engine", "max_loras", to=3)
    proposal.refused("policy-not-alone", POLICY, WHOLE_FILE)


def test_the_roster_counts_as_policy_and_a_revocation_does_not(proposal: Proposal) -> None:
    revoked = {"adapter": "x", "revision": "1", "reason": "r", "date": "2026-11-01", "by": "alice"}
    proposal.repository.change("policies/revocations.yaml", "revoked", to=[revoked])
    proposal.repository.write("README.md", "hello\n")
    proposal.passes()
    proposal.repository.write("README.md", "hello\n")
    proposal.repository.change("policies/roster.yaml", "people", 0, "roles", to=["validator", "operator"])
    proposal.refused("policy-not-alone", "policies/roster.yaml", WHOLE_FILE)


WAIVER = {"rule": "skipped-stage", "scope": "environments", "approver": "alice", "reason": "r", "until": "2026-12-31"}


def test_a_change_cannot_waive_what_speaks_against_it(proposal: Proposal) -> None:
    proposal.repository.write("policies/waivers.yaml", {"kind": "Waivers", "waivers": [WAIVER]})
    proposal.repository.point("production", "support-bot", active="3")
    blocking = {finding.rule for finding in proposal.check().findings if finding.blocks}
    assert blocking == {"skipped-stage", "pointer-not-alone", "policy-not-alone"}


def test_a_waiver_that_was_merged_before_counts(proposal: Proposal) -> None:
    proposal.repository.write("policies/waivers.yaml", {"kind": "Waivers", "waivers": [WAIVER]})
    proposal.passes()
    proposal.repository.write("policies/waivers.yaml", {"kind": "Waivers", "waivers": [WAIVER]})
    proposal.merge()
    proposal.repository.point("production", "support-bot", active="3")
    proposal.passes()
