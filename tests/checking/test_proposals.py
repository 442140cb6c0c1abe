"""What a change would make of the trusted branch: merged, staged, or out of reach; what stood before does not block."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from interlock.findings.finding import Verdict
from support.changes import Proposal
from support.checks import describe
from support.command_line import interlock
from support.repositories import Repository, artifact, environment, manifest, pointer

DEV = pointer("dev", "support-bot")


@pytest.fixture
def proposal(tmp_path: Path) -> Proposal:
    return Proposal.begin(tmp_path / "repository")


def test_two_changes_that_are_valid_alone_are_refused_together(proposal: Proposal) -> None:
    repository = proposal.repository
    repository.change(environment("dev"), "engine", "max_loras", to=2)
    proposal.passes()
    repository.git("branch", "--quiet", "smaller-engine", "proposal")
    repository.point("dev", "support-bot", canary={"revision": "2", "weight": 5})
    proposal.passes()
    repository.git("merge", "--quiet", "smaller-engine")
    outcome = interlock("check", repository.root, "--base", "main", "--head", "proposal")
    assert outcome.status == 1
    assert "[over-max-loras]" in outcome.out
    assert repository.git("status", "--porcelain") == ""


def judged_with(proposal: Proposal, other: str) -> tuple[int, str]:
    """The exit status and the report for what lies there, merged with a branch that was valid by itself."""
    proposal.passes()
    proposal.repository.git("merge", "--quiet", other)
    outcome = interlock("check", proposal.repository.root, "--base", "main", "--head", "proposal")
    return outcome.status, outcome.out


def set_aside(proposal: Proposal, branch: str) -> None:
    """What lies there is valid by itself, and kept as a branch; afterwards `main` lies there."""
    proposal.passes()
    proposal.repository.git("branch", "--quiet", branch, "proposal")


def test_two_canaries_that_fit_alone_do_not_fit_together(proposal: Proposal) -> None:
    repository = proposal.repository
    repository.change(environment("dev"), "engine", "max_loras", to=3)
    second = repository.read(manifest("sql-helper", "1")) | {"revision": "2"}
    repository.write(manifest("sql-helper", "2"), second)
    proposal.merge()
    repository.point("dev", "support-bot", canary={"revision": "2", "weight": 5})
    set_aside(proposal, "one-canary")
    repository.point("dev", "sql-helper", canary={"revision": "2", "weight": 5})
    status, report = judged_with(proposal, "one-canary")
    assert status == 1
    assert "[over-max-loras]" in report


def test_a_removal_and_a_new_reference_do_not_go_together(proposal: Proposal) -> None:
    repository = proposal.repository
    repository.write("adapters/support-bot/notes/old.md", "Answers.\n")
    proposal.merge()
    repository.remove("adapters/support-bot/notes/old.md")
    set_aside(proposal, "removal")
    fourth = repository.read(manifest("support-bot", "3")) | {"revision": "4"}
    repository.write(manifest("support-bot", "4"), fourth | {"release_notes": "adapters/support-bot/notes/old.md"})
    status, report = judged_with(proposal, "removal")
    assert status == 1
    assert "[release-notes-missing]" in report


def test_two_paths_that_differ_by_case_only_do_not_go_together(proposal: Proposal) -> None:
    repository = proposal.repository
    repository.write("adapters/support-bot/notes/Four.md", "Answers.\n")
    set_aside(proposal, "capital")
    repository.write("adapters/support-bot/notes/four.md", "Answers.\n")
    status, report = judged_with(proposal, "capital")
    assert status == 1
    assert "[case-collision]" in report


def test_a_smaller_roster_and_a_stricter_policy_do_not_go_together(proposal: Proposal) -> None:
    repository = proposal.repository
    person = {"login": "bob", "id": 1002, "emails": ["bob@example.com"], "roles": ["validator"]}
    people = repository.read("policies/roster.yaml")["people"]
    repository.change("policies/roster.yaml", "people", to=[*people, person])
    proposal.merge()
    repository.change("policies/roster.yaml", "people", to=people)
    set_aside(proposal, "bob-leaves")
    repository.change("policies/production.yaml", "approvals", to={"count": 2})
    status, report = judged_with(proposal, "bob-leaves")
    assert status == 1
    assert "[unsatisfiable-approvals]" in report


def test_a_flaw_that_the_change_cannot_affect_is_not_looked_for(proposal: Proposal) -> None:
    proposal.repository.remove(f"{artifact('sql-helper', '1')}/adapter_model.safetensors")
    proposal.merge()
    proposal.repository.point("dev", "support-bot", active="2")
    assert proposal.passes().findings == ()


def test_a_flaw_that_stood_before_is_told_and_does_not_block(proposal: Proposal) -> None:
    proposal.repository.remove(f"{artifact('sql-helper', '1')}/adapter_model.safetensors")
    proposal.merge()
    proposal.repository.change("adapters/sql-helper/adapter.yaml", "description", to="Writes SQL.")
    result = proposal.passes()
    assert [(f.rule, f.excused) for f in result.findings] == [("artifact-missing", "it stood before this change")]


def test_a_flaw_that_stood_before_blocks_what_depends_on_it(proposal: Proposal) -> None:
    proposal.repository.remove(f"{artifact('support-bot', '2')}/adapter_model.safetensors")
    proposal.merge()
    proposal.repository.point("dev", "support-bot", active="2")
    result = proposal.check()
    assert [f.rule for f in result.findings if f.blocks] == ["artifact-missing"], list(map(describe, result.findings))


def test_a_change_that_conflicts_cannot_be_evaluated(proposal: Proposal) -> None:
    repository = proposal.repository
    repository.point("dev", "support-bot", active="2")
    proposal.passes()
    repository.point("dev", "support-bot", active="1")
    proposal.merge()
    outcome = interlock("check", repository.root, "--base", "main", "--head", "proposal")
    assert outcome.status == 4
    assert DEV in outcome.out + outcome.err


def test_a_base_that_is_not_here_cannot_be_evaluated(proposal: Proposal) -> None:
    outcome = interlock("check", proposal.repository.root, "--base", "origin/main")
    assert outcome.status == 4
    assert "git fetch" in outcome.out + outcome.err


def test_a_base_that_looks_like_an_option_is_a_name(proposal: Proposal) -> None:
    outcome = interlock("check", proposal.repository.root, "--base=--output=/tmp/x")
    assert outcome.status == 4


def test_head_needs_a_base(proposal: Proposal) -> None:
    outcome = interlock("check", proposal.repository.root, "--head", "main")
    assert outcome.status == 2
    assert "--base" in outcome.out + outcome.err


def test_in_a_shallow_clone_the_soak_is_not_known(proposal: Proposal, tmp_path: Path) -> None:
    repository = proposal.repository
    repository.change(environment("staging"), "soak", to={"duration": "24h"})
    proposal.merge()
    repository.point("staging", "support-bot", active="3")
    proposal.merge("Promote")
    shallow = tmp_path / "shallow"
    source = f"file://{repository.root}"
    subprocess.run(["git", "clone", "--quiet", "--depth", "2", source, str(shallow)], check=True)
    outcome = interlock("check", shallow, "--base", "HEAD~1")
    assert outcome.status == 4
    assert "unsoaked-promotion" in outcome.out + outcome.err
    assert "--unshallow" in outcome.out + outcome.err


def test_a_detached_head_is_a_change_like_any_other(proposal: Proposal) -> None:
    proposal.repository.point("dev", "support-bot", active="2")
    proposal.merge("Promote")
    proposal.repository.git("checkout", "--quiet", "--detach", "HEAD")
    assert interlock("check", proposal.repository.root, "--base", "main~1").status == 0


def test_what_is_staged_is_judged_and_not_what_lies_there(proposal: Proposal) -> None:
    repository = proposal.repository
    repository.point("production", "support-bot", active="3")
    repository.git("add", "--all")
    repository.point("production", "support-bot", active="1")
    outcome = interlock("check", repository.root, "--staged")
    assert outcome.status == 1
    assert "[skipped-stage]" in outcome.out
    repository.git("reset", "--quiet", "--hard")
    repository.point("production", "support-bot", active="3")
    assert interlock("check", repository.root, "--staged").status == 0


def test_a_first_commit_has_no_way_there_and_its_result_is_judged(proposal: Proposal) -> None:
    repository = proposal.repository
    repository.git("checkout", "--quiet", "--orphan", "new")
    assert interlock("check", repository.root, "--staged").status == 0
    repository.change(environment("dev"), "engine", "max_loras", to=1)
    repository.git("add", "--all")
    outcome = interlock("check", repository.root, "--staged")
    assert outcome.status == 1
    assert "[over-max-loras]" in outcome.out


def test_a_submodule_where_a_document_should_be_is_a_finding(proposal: Proposal) -> None:
    commit = proposal.repository.git("rev-parse", "HEAD")
    path = pointer("dev", "other")
    proposal.repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    outcome = interlock("check", proposal.repository.root, "--staged")
    assert outcome.status == 1
    assert path in outcome.out + outcome.err


def test_an_unfinished_merge_is_wrong_use(proposal: Proposal) -> None:
    repository = proposal.repository
    repository.git("checkout", "--quiet", "-b", "other")
    repository.point("dev", "support-bot", active="1")
    proposal.merge()
    repository.git("checkout", "--quiet", "main")
    repository.point("dev", "support-bot", active="2")
    proposal.merge()
    merge = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "merge", "other"],
        cwd=repository.root, capture_output=True, check=False,
    )  # fmt: skip
    assert merge.returncode == 1
    outcome = interlock("check", repository.root, "--staged")
    assert outcome.status == 2
    assert DEV in outcome.out + outcome.err


HOOK = f"""#!/bin/sh
exec {sys.executable} -m interlock.cli.main check --staged
"""


def test_a_hook_sees_only_the_files_of_a_partial_commit(proposal: Proposal) -> None:
    repository = proposal.repository
    hook = repository.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK)
    hook.chmod(0o755)
    repository.point("production", "support-bot", active="3")
    repository.point("dev", "support-bot", active="2")
    repository.git("add", "--all")
    refused = commit_only(repository, pointer("production", "support-bot"))
    assert (refused.returncode, b"[skipped-stage]" in refused.stdout + refused.stderr) == (1, True)
    assert b"pointer-not-alone" not in refused.stdout + refused.stderr
    accepted = commit_only(repository, DEV)
    assert accepted.returncode == 0, accepted


def commit_only(repository: Repository, path: str) -> subprocess.CompletedProcess[bytes]:
    """`git commit -- path`: git prepares an index of its own for it and names that to the hook."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    command = ["git", *who, "commit", "--quiet", "--message", "x", "--", path]
    return subprocess.run(command, cwd=repository.root, capture_output=True, check=False)


@pytest.mark.parametrize("name", ["\u202egpj.yaml", "a\nb.yaml", "\udcff.yaml", "\x1b[2J/x.yaml"])
def test_a_path_that_cannot_be_shown_as_it_is_is_refused_in_a_change(proposal: Proposal, name: str) -> None:
    path = proposal.repository.root / "policies" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("kind: Policy\n")
    result = proposal.check()
    assert [finding.blocks for finding in result.findings] == [True]
    assert result.findings[0].place.path.isprintable()
    assert result.verdict is Verdict.FAIL


def test_a_path_that_cannot_be_shown_as_it_is_and_stood_before_blocks_when_it_is_touched(proposal: Proposal) -> None:
    path = proposal.repository.root / "policies" / "\u202egpj.yaml"
    path.write_text("kind: Policy\n")
    proposal.merge()
    path.write_text("kind: Roster\n")
    assert proposal.check().verdict is Verdict.FAIL
