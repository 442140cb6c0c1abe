"""`interlock check --format markdown`: the page, on standard output or in a file, and the exit status."""

from __future__ import annotations

from pathlib import Path

from interlock.findings.markdown_page import MARKER
from support.changes import Proposal
from support.command_line import interlock
from support.repositories import Repository, manifest


def test_a_change_has_a_page_and_its_exit_status(tmp_path: Path) -> None:
    proposal = Proposal.begin(tmp_path / "repository")
    repository = proposal.repository
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.point("production", "support-bot", active="3")
    proposal.merge()
    asked = ("check", repository.root, "--base", "main", "--head", "feature", "--format", "markdown")
    outcome = interlock(*asked)
    assert outcome.status == 1
    assert outcome.out.startswith(f"{MARKER}\n## ❌ Blocked: promotion of `support-bot@3` to `production`\n")
    assert "interlock check --base main --head feature" in outcome.out
    assert "interlock explain skipped-stage" in outcome.out
    page = tmp_path / "page.md"
    assert interlock(*asked[:-2], "--report", f"markdown={page}").status == 1
    assert page.read_text(encoding="utf-8").splitlines()[:2] == outcome.out.splitlines()[:2]


def test_evidence_of_the_proposal_is_listed_and_never_called_verified(tmp_path: Path) -> None:
    proposal = Proposal.begin(tmp_path / "repository")
    proposal.repository.write("adapters/support-bot/evidence/2/x.json", "{}")
    proposal.merge()
    proposal.repository.point("production", "support-bot", active="2")
    proposal.repository.git("add", "--all")
    outcome = interlock("check", proposal.repository.root, "--staged", "--format", "markdown")
    assert outcome.status == 0
    assert "`adapters/support-bot/evidence/2/x.json`: counts for nothing" in outcome.out
    assert "interlock check --staged" in outcome.out


def test_a_repository_has_a_shorter_page(repository: Repository) -> None:
    outcome = interlock("check", repository.root, "--format", "markdown")
    assert (outcome.status, "## ✅ May be served" in outcome.out) == (0, True)
    repository.change(manifest("support-bot", "3"), "artifact", "uri", to="s3://elsewhere/bot")
    outcome = interlock("check", repository.root, "--format", "markdown")
    assert (outcome.status, "## ❓ Could not be evaluated" in outcome.out) == (4, True)


def test_a_change_that_git_cannot_show_has_a_page_that_says_so(tmp_path: Path) -> None:
    proposal = Proposal.begin(tmp_path / "repository")
    outcome = interlock("check", proposal.repository.root, "--base", "nothing", "--format", "markdown")
    assert outcome.status == 4
    assert outcome.out.startswith(f"{MARKER}\n## ❓ Could not be evaluated, so it must not merge\n")
    assert "git fetch" in outcome.out


def test_a_name_that_a_person_gives_is_only_a_name_in_the_command(tmp_path: Path) -> None:
    proposal = Proposal.begin(tmp_path / "repository")
    outcome = interlock("check", proposal.repository.root, "--base", "x'; rm -rf /\n```", "--format", "markdown")
    assert outcome.status == 4
    (command,) = (line for line in outcome.out.splitlines() if line.startswith("interlock check --base"))
    assert command.startswith("interlock check --base 'x'\"'\"'; rm -rf /")
