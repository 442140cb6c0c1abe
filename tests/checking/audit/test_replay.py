"""The replay says of each commit what checking that commit says, and keeps the same state as git has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.checking.audit.auditing import audit
from interlock.checking.audit.document_rules import OF_GOVERNANCE, OF_RECORDS
from interlock.checking.audit.outcome import Allowed, Audit
from interlock.checking.changes import STOOD_BEFORE, check_change
from interlock.findings.finding import Finding
from interlock.history.repository import GitRepository
from interlock.rules.transitions.registry import RULES
from support.repositories import REMOVED, Repository, environment, git_repository, manifest, pointer

START = dt.datetime(2026, 11, 1, 9, tzinfo=dt.UTC)
NOW = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
REPLAYED = {rule.id for rule in RULES} | {rule.id for rule in (*OF_RECORDS, *OF_GOVERNANCE)}
OF_THE_AUDIT = {"commit-unproven"}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """The small valid repository."""
    return git_repository(tmp_path / "repository")


def replay(repository: Repository) -> Audit:
    git = GitRepository(repository.root)
    return audit(git.git, git.head(), now=NOW)


def story(repository: Repository) -> Iterator[str]:
    """Commits of every kind, good and bad, an hour apart; each is told when it has been made."""
    hour = iter(range(1, 100))

    def commit(message: str) -> str:
        return repository.commit(message, at=START + dt.timedelta(hours=next(hour)))

    repository.point("production", "support-bot", active="2")
    yield commit("promote what is active upstream")
    repository.point("production", "support-bot", active="3")
    yield commit("skip a stage")
    repository.point("production", "support-bot", active="1")
    yield commit("roll back")
    repository.change(manifest("support-bot", "2"), "license", to="mit")
    yield commit("change a record")
    repository.remove(manifest("support-bot", "3"))
    yield commit("remove a record that dev serves")
    repository.write(pointer("dev", "support-bot"), "kind: Pointer\nadapter: support-bot\nactive: 010\n")
    yield commit("write a pointer that reads in two ways")
    repository.write(pointer("dev", "support-bot"), 'kind: Pointer\nadapter: support-bot\nactive: "2"\n')
    yield commit("repair it")
    repository.change(environment("production"), "soak", to=REMOVED)
    repository.point("staging", "support-bot", active="1")
    yield commit("loosen an environment beside a pointer")
    repository.write(
        "policies/revocations.yaml",
        {
            "kind": "Revocations",
            "revoked": [
                {"adapter": "support-bot", "revision": "2", "reason": "leak", "date": "2026-11-01", "by": "carol"}
            ],
        },
    )
    yield commit("revoke what dev serves")
    repository.point("production", "support-bot", active="2")
    yield commit("promote what is revoked")
    repository.write("policies/revocations.yaml", {"kind": "Revocations", "revoked": []})
    yield commit("withdraw the revocation")
    repository.change("policies/production.yaml", "approvals", to={"count": 9})
    yield commit("ask for more people than there are")
    repository.write("README.md", "hello\n")
    yield commit("something else")
    repository.write("adapters/sql-helper/revisions/2.yaml", "kind: AdapterRevision\nadapter: [\n")
    yield commit("add a record that cannot be read")
    repository.point("dev", "sql-helper", active="2")
    yield commit("promote what cannot be read")
    repository.point("dev", "sql-helper", active="1")
    yield commit("and back")
    repository.write("adapters/support-bot/recipes/1.yaml", "steps: 7\n")
    yield commit("change a recipe that a record names")


def flaws(findings: tuple[Finding, ...]) -> set[tuple[str, str, str, bool]]:
    return {
        (finding.rule, finding.place.path, finding.found, finding.blocks)
        for finding in findings
        if finding.rule in REPLAYED and finding.excused != STOOD_BEFORE and finding.blocks
    }


def test_it_finds_in_each_commit_what_checking_that_commit_finds(repository: Repository) -> None:
    told = list(story(repository))
    found = {commit.commit: commit for commit in replay(repository).commits}
    git = GitRepository(repository.root)
    for commit in told:
        parent = git.resolve(f"{commit}~1")
        with git.commit_tree(parent) as before, git.commit_tree(commit) as after:
            checked = check_change(git.git, parent, before, after, now=found[commit].when.time)
        bytes_only = {flaw for flaw in flaws(checked.findings) if flaw[0] == "recipe-digest-mismatch"}
        replayed = tuple(finding for finding in found[commit].findings if finding.rule not in OF_THE_AUDIT)
        assert flaws(replayed) == flaws(checked.findings) - bytes_only, repository.git("show", "--stat", commit)


def test_a_flaw_is_told_at_the_commit_that_brought_it_and_not_again(repository: Repository) -> None:
    repository.change(manifest("support-bot", "1"), "license", to="mit")
    bad = repository.commit("change a record", at=START)
    repository.write("README.md", "hello\n")
    repository.commit("elsewhere", at=START)
    commits = replay(repository).commits
    assert [commit.commit for commit in commits if commit.verdict is Allowed.NO] == [bad]


def test_time_never_runs_backwards(repository: Repository) -> None:
    repository.write("README.md", "1")
    repository.commit("late", at=START + dt.timedelta(days=3))
    repository.write("README.md", "2")
    repository.commit("dated back", at=START)
    late, back = replay(repository).commits[-2:]
    assert back.when.time == late.when.time
    assert back.when.source == "commit before"


def test_the_first_commit_is_neither_allowed_nor_refused(repository: Repository) -> None:
    assert [commit.verdict for commit in replay(repository).commits] == [Allowed.BEGINNING]


def test_what_is_served_at_the_end_is_what_the_pointers_say(repository: Repository) -> None:
    list(story(repository))
    served = replay(repository).served
    assert {(e, a): one.told for e, adapters in served.items() for a, one in adapters.items()} == {
        (name, adapter): (f"active {repository.read(pointer(name, adapter))['active']}",)
        for name in ("dev", "staging", "production")
        for adapter in ("support-bot", "sql-helper")
    }


def test_a_lost_object_makes_one_commit_unknown_and_hides_no_other(repository: Repository) -> None:
    repository.point("dev", "support-bot", active="2")
    lost = repository.commit("promote", at=START)
    blob = repository.git("rev-parse", f"{lost}:{pointer('dev', 'support-bot')}")
    repository.change(manifest("support-bot", "1"), "license", to="mit")
    bad = repository.commit("change a record", at=START)
    (repository.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    found = {commit.commit: commit for commit in replay(repository).commits}
    assert found[lost].verdict is Allowed.UNKNOWN
    assert [finding.rule for finding in found[lost].findings if finding.blocks] == ["object-lost"]
    assert found[bad].verdict is Allowed.NO


def test_a_merge_is_one_decision_and_tells_who_came_with_it(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "side")
    repository.point("dev", "support-bot", active="2")
    repository.commit("promote", at=START)
    repository.git("checkout", "--quiet", "main")
    repository.write("README.md", "1")
    repository.commit("elsewhere", at=START)
    repository.git("merge", "--quiet", "--no-ff", "--no-edit", "side", at=START)
    commits = replay(repository).commits
    assert len(commits) == 3
    assert [served.after for served in commits[-1].served] == [("active 2",)]
    assert any("Alice <alice@example.com>, author of" in hand for hand in commits[-1].brought_in)
