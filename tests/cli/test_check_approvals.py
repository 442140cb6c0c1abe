"""A pass of `interlock check` is no approval, and says so where one is needed."""

from __future__ import annotations

from support.command_line import interlock
from support.repositories import Repository


def test_a_change_that_needs_approvals_is_told_to_need_them(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "proposal")
    repository.point("production", "support-bot", active="2")
    repository.commit("Promote")
    outcome = interlock("check", repository.root, "--base", "main")
    assert outcome.status == 0, outcome.out
    assert outcome.out.endswith(
        "Not judged here: the change of support-bot@2 in production needs 1 approval, among them 1 validator, by people"
        " who did not make the change (policies/production.yaml).\n"
        "Approvals are judged by interlock attest and on the node.\n"
    )


def test_a_change_that_needs_none_says_nothing_of_approvals(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "proposal")
    repository.point("dev", "support-bot", active="2")
    repository.commit("Try")
    assert "pproval" not in interlock("check", repository.root, "--base", "main").out
    assert "pproval" not in interlock("check", repository.root).out
