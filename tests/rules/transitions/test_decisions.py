"""One decision a change."""

from __future__ import annotations

from typing import Any

import pytest

from support.changes import Proposal
from support.checks import WHOLE_FILE
from support.repositories import REMOVED, base_manifest, environment, pointer

POLICY = "policies/production.yaml"
PRODUCTION = environment("production")


def test_a_pointer_changes_alone(proposal: Proposal) -> None:
    proposal.repository.point("dev", "support-bot", active="2")
    proposal.passes()


def test_a_pointer_and_another_file_are_two_decisions(proposal: Proposal) -> None:
    proposal.repository.point("dev", "support-bot", active="2")
    proposal.repository.write("adapters/support-bot/notes/4.md", "More.\n")
    finding = proposal.refused("pointer-not-alone", pointer("dev", "support-bot"), WHOLE_FILE)
    assert "adapters/support-bot/notes/4.md" in finding.found


def test_keys_of_gpg_are_a_decision_of_their_own(proposal: Proposal) -> None:
    proposal.repository.write("policies/keys/alice.asc", "a key")
    proposal.repository.write("adapters/support-bot/notes/4.md", "More.\n")
    proposal.refused("policy-not-alone", "policies/keys/alice.asc", WHOLE_FILE)


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
    proposal.repository.change(POLICY, "retention", to={"keep": 3})
    proposal.passes()


def test_a_policy_and_what_it_decides_about_are_two_decisions(proposal: Proposal) -> None:
    proposal.repository.change(POLICY, "retention", to={"keep": 3})
    proposal.repository.change(environment("production"), "engine", "max_loras", to=3)
    proposal.refused("policy-not-alone", POLICY, WHOLE_FILE)


LOOSER: list[tuple[str, Any]] = [
    ("protected", False),
    ("upstream", REMOVED),
    ("upstream", "dev"),
    ("soak", REMOVED),
    ("soak", {"duration": "1h"}),
    ("windows", REMOVED),
    ("windows", [{"days": ["sun"], "from": "00:00", "to": "23:59", "timezone": "UTC"}]),
    ("holds", REMOVED),
    ("keep_previous", 0),
]


def guarded(proposal: Proposal) -> None:
    """Production with everything that guards an environment."""
    window = {"days": ["mon"], "from": "08:00", "to": "16:00", "timezone": "UTC"}
    for field, value in {
        "soak": {"duration": "24h"},
        "windows": [window],
        "holds": [{"reason": "incident 12", "by": "alice"}],
    }.items():
        proposal.repository.change(PRODUCTION, field, to=value)
    proposal.merge()


@pytest.mark.parametrize(("field", "value"), LOOSER)
def test_what_guards_an_environment_is_loosened_alone(proposal: Proposal, field: str, value: Any) -> None:
    guarded(proposal)
    proposal.repository.change(PRODUCTION, field, to=value)
    proposal.passes()
    proposal.repository.git("checkout", "--quiet", "-B", "main", "proposal~1")
    proposal.repository.change(PRODUCTION, field, to=value)
    proposal.repository.write("adapters/support-bot/notes/4.md", "More.\n")
    found = {finding.rule: finding.place.path for finding in proposal.check().findings if finding.blocks}
    assert found == {"loosening-not-alone": PRODUCTION}


def test_loosening_beside_a_note_is_refused(proposal: Proposal) -> None:
    proposal.repository.change(PRODUCTION, "protected", to=False)
    proposal.repository.write("adapters/support-bot/notes/4.md", "More.\n")
    assert "protected is off" in proposal.refused("loosening-not-alone", PRODUCTION, "false").found


def test_what_guards_an_environment_more_may_come_with_other_files(proposal: Proposal) -> None:
    proposal.repository.change(environment("staging"), "soak", to={"duration": "24h"})
    proposal.repository.change(environment("staging"), "keep_previous", to=2)
    proposal.repository.write("adapters/support-bot/notes/4.md", "More.\n")
    proposal.passes()


def test_a_hold_cannot_be_lifted_by_the_change_that_it_stops(proposal: Proposal) -> None:
    proposal.repository.change(environment("staging"), "holds", to=[{"reason": "incident 12", "by": "alice"}])
    proposal.merge()
    proposal.repository.change(environment("staging"), "holds", to=[])
    proposal.repository.point("staging", "support-bot", active="3")
    blocking = {finding.rule for finding in proposal.check().findings if finding.blocks}
    assert blocking == {"environment-on-hold", "loosening-not-alone", "pointer-not-alone"}


def test_a_soak_cannot_be_shortened_by_the_change_that_it_stops(proposal: Proposal) -> None:
    proposal.repository.change(environment("staging"), "soak", to={"duration": "24h"})
    proposal.merge()
    proposal.repository.change(environment("staging"), "soak", to=REMOVED)
    proposal.repository.point("staging", "support-bot", active="3")
    blocking = {finding.rule for finding in proposal.check().findings if finding.blocks}
    assert blocking == {"unsoaked-promotion", "loosening-not-alone", "pointer-not-alone"}


def test_an_environment_is_not_removed_under_its_pointers(proposal: Proposal) -> None:
    proposal.repository.remove(environment("dev"))
    blocking = {finding.rule for finding in proposal.check().findings if finding.blocks}
    assert blocking == {"environment-missing", "upstream-missing"}


def test_an_adapter_is_not_removed_under_its_pointers(proposal: Proposal) -> None:
    proposal.repository.remove("adapters/support-bot/adapter.yaml")
    blocking = {finding.rule for finding in proposal.check().findings if finding.blocks}
    assert blocking == {"revision-without-adapter"}


def test_another_base_for_an_environment_is_judged_with_all_its_pointers(proposal: Proposal) -> None:
    other = proposal.repository.read(base_manifest()) | {"revision": "2026-12"}
    proposal.repository.write(base_manifest(revision="2026-12"), other)
    proposal.merge()
    proposal.repository.change(environment("dev"), "base", "revision", to="2026-12")
    found = [(f.rule, f.place.path) for f in proposal.check().findings if f.blocks]
    assert found == [("base-mismatch", pointer("dev", name)) for name in ("sql-helper", "support-bot")]


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


@pytest.mark.parametrize("path", [".github/CODEOWNERS", "CODEOWNERS", ".gitlab/CODEOWNERS", ".forgejo/CODEOWNERS"])
def test_bypass_20_code_owners_change_alone(proposal: Proposal, path: str) -> None:
    proposal.repository.write(path, "* @eve\n")
    proposal.repository.write("adapters/support-bot/notes/4.md", "More.\n")
    proposal.refused("policy-not-alone", path, WHOLE_FILE)


def test_code_owners_change_with_the_roster_that_they_follow_from(proposal: Proposal) -> None:
    proposal.repository.write(".github/CODEOWNERS", "* @bob\n")
    proposal.repository.change(POLICY, "retention", to={"keep": 3})
    proposal.passes()
