"""The page for a reviewer, as a whole: what it says of each kind of change, and that nothing can break out of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from interlock.checking.changes import ChangeResult
from interlock.checking.review.fit_columns import COLUMNS, columns_of
from interlock.checking.review.page import change_page, page_of
from interlock.checking.review.told_findings import next_step
from interlock.documents.positions import Place
from interlock.findings.finding import Finding, Severity
from interlock.findings.markdown_page import MARKER, MAX_CHARACTERS, Code, render_page
from interlock.rules.catalogue import families
from support.changes import Proposal
from support.command_line import interlock
from support.forge import HOSTILE, shown
from support.living_example import REPOSITORY
from support.repositories import artifact, environment, manifest, pointer, write_repository
from support.review_pages import CHANGES, COMMAND, begin, written

PAGES = REPOSITORY / "tests" / "checking" / "pages"


@pytest.fixture
def proposal(tmp_path: Path) -> Proposal:
    return begin(tmp_path / "repository")


def page(result: ChangeResult) -> str:
    return render_page(change_page(result, {}, COMMAND))


@pytest.mark.parametrize("name", CHANGES)
def test_the_page_is_the_one_that_was_looked_at(name: str, tmp_path: Path) -> None:
    kept = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    text = written(name, tmp_path / "repository")
    assert text == kept, (
        "if it should read so: PYTHONPATH=tests python -m support.review_pages tests/checking/pages docs/checking.md"
    )
    assert text.startswith(f"{MARKER}\n## ")
    shown(text)


def test_there_is_no_page_that_nobody_plays() -> None:
    assert {file.stem for file in PAGES.glob("*.md")} == set(CHANGES)


@pytest.mark.parametrize("text", [t for t in HOSTILE if t.strip() and t.isprintable()][::9])
def test_what_a_repository_says_never_breaks_out_of_the_page(text: str, proposal: Proposal) -> None:
    repository = proposal.repository
    repository.change(manifest("support-bot", "2"), "risk", to={"bias": {"assessment": text, "verdict": "conditional"}})
    repository.change(manifest("support-bot", "2"), "provenance", "source", "repository", to=text)
    repository.change(manifest("support-bot", "2"), "datasets", 0, "license", to=text)
    repository.change("bases/tiny-llama/2026-11.yaml", "license", to=text)
    hold = {"reason": text, "by": "alice"}
    repository.change(environment("production"), "holds", to=[hold])
    repository.change(environment("production"), "engine", "version", to=text)
    proposal.merge()
    repository.point("production", "support-bot", active="2")
    markdown = page(proposal.check())
    assert "❌" in markdown
    shown(markdown)


def test_what_a_proposal_names_its_files_never_breaks_out_of_the_page(proposal: Proposal) -> None:
    for name in ("@team.yaml", "<b>.yaml", "a|b`c.yaml", "[x](y).yaml", "line\nbreak.yaml", "\u202egnp.yaml"):
        proposal.repository.write(f"policies/{name}", "kind: Policy\n")
        proposal.repository.write(f"environments/production/pointers/{name}", f"kind: {name}\n")
    markdown = page(proposal.check())
    assert "Blocked" in markdown
    shown(markdown)


def test_a_page_is_never_too_long_and_says_what_is_missing(proposal: Proposal) -> None:
    proposal.repository.point("production", "support-bot", active="2")
    result = proposal.check()
    findings = tuple(_many(3_000))
    text = page(replace(result, findings=findings))
    assert 50_000 < len(text) <= MAX_CHARACTERS
    told = text.count("blocking one number")
    assert f"{2_000 - told} more findings left out here; this shows all: `{COMMAND}`" in text
    assert "1000 more findings left out here" in text
    assert "### See more" in text
    shown(text)


def _many(count: int) -> Iterator[Finding]:
    for number in range(count):
        severity = Severity.WARNING if number % 3 == 0 else Severity.ERROR
        found = f"{'harmless' if number % 3 == 0 else 'blocking'} one number {number} " + "@team " * 20
        yield Finding("rank-over-limit", Place("environments/dev/environment.yaml", number), found, "x", "y", severity)


def test_a_change_of_very_many_files_still_has_a_page(proposal: Proposal) -> None:
    repository = proposal.repository
    for number in range(300):
        repository.write(environment(f"env-{number}"), repository.read(environment("dev")) | {"name": f"env-{number}"})
        repository.write(pointer(f"env-{number}", "support-bot"), 'kind: Pointer\nadapter: support-bot\nactive: "3"\n')
    text = page(proposal.check())
    assert len(text) <= MAX_CHARACTERS
    assert "more pointers change and are not shown" in text
    assert "more are not shown" in text
    shown(text)


def test_every_rule_about_the_fit_has_a_column() -> None:
    about_the_fit = {"binding", "compatibility", "weights", "integrity", "settings", "engine", "capacity"}
    assert {rule for rule, family in families().items() if family in about_the_fit and not columns_of(rule)} == set()
    assert {column for rule in families() for column in columns_of(rule)} <= set(COLUMNS)


def test_bytes_that_are_missing_are_no_pass(proposal: Proposal) -> None:
    proposal.repository.remove(artifact("support-bot", "2"))
    proposal.merge()
    proposal.repository.point("production", "support-bot", active="2")
    (row,) = (line for line in page(proposal.check()).splitlines() if line.startswith("| `support-bot@2`"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    marks = dict(zip(COLUMNS, cells[2:], strict=True))
    assert marks["Bytes"].startswith("❌")
    unknown = ("Base", "Rank", "Dtype", "Modules", "Tensors", "Engine")
    assert {marks[column] for column in unknown} == {"❓"}


def test_another_environment_than_the_one_that_was_asked_for_is_not_evaluated(proposal: Proposal) -> None:
    proposal.repository.point("production", "support-bot", active="2")
    text = page(proposal.check(environment="dev"))
    assert "✅ 8 of 16" not in text


def test_a_revoked_predecessor_is_told_and_passed_over(proposal: Proposal) -> None:
    repository = proposal.repository
    repository.point("production", "support-bot", active="2")
    proposal.merge()
    repository.point("staging", "support-bot", active="3")
    proposal.merge()
    proposal.wait(hours=30)
    revoked = {"adapter": "support-bot", "revision": "2", "reason": "r", "date": "2026-11-25", "by": "alice"}
    repository.change("policies/revocations.yaml", "revoked", to=[revoked])
    proposal.merge()
    repository.point("production", "support-bot", active="3")
    text = page(proposal.check())
    assert "It is revoked: the checker refuses to serve it again." in text
    assert "`interlock rollback` leads to `support-bot@1-" in text
    assert "what lies between is revoked" in text


def test_the_first_pointer_of_an_adapter_is_told_as_such(proposal: Proposal) -> None:
    repository = proposal.repository
    repository.write(environment("edge"), repository.read(environment("dev")) | {"name": "edge"})
    proposal.merge()
    repository.point("edge", "sql-helper", active="1")
    text = page(proposal.check())
    assert "promotion of `sql-helper@1` to `edge`" in text
    assert "`edge` served no revision of `sql-helper` until now." in text
    assert "`edge` has no upstream environment" in text
    assert "Reverting takes the pointer away" in text
    assert "No policy names `edge`" in text


def test_several_policies_ask_together_and_a_conflict_is_told(proposal: Proposal) -> None:
    canary = {"test": "e-process", "alpha": 0.01}
    policy = {"kind": "Policy", "environments": ["production"], "approvals": {"count": 3, "roles": {"validator": 2}}}
    proposal.repository.write("policies/second.yaml", json.dumps(policy | {"canary": canary, "budgets": {"pii": 0.0}}))
    proposal.repository.change("policies/production.yaml", "canary", to=canary | {"alpha": 0.05})
    proposal.merge()
    proposal.repository.point("production", "support-bot", active="2")
    text = page(proposal.check())
    assert "`policies/production.yaml`, `policies/second.yaml` ask for, in `production` (risk tier low):" in text
    assert "- [ ] 3 approvals, among them 1 operator and 2 of role validator." in text
    assert "- [ ] budgets: pii at most 0." in text
    assert "- `canary.alpha`: nobody can say what counts: " in text


def test_the_first_documents_of_a_repository_are_no_promotion(tmp_path: Path) -> None:
    repository = write_repository(tmp_path / "new")
    repository.git("init", "--quiet", "--initial-branch", "main")
    repository.git("add", "--all")
    outcome = interlock("check", repository.root, "--staged", "--format", "markdown")
    assert "## ✅ May merge: first documents of this repository\n" in outcome.out
    shown(outcome.out)


def test_nothing_that_changes_has_a_page_too(proposal: Proposal) -> None:
    assert "✅ May merge: no change" in page(proposal.check())


def test_no_page_claims_an_approval() -> None:
    for file in PAGES.glob("*.md"):
        text = file.read_text(encoding="utf-8")
        assert "[x]" not in text
        assert "approved" not in text


def test_the_command_in_a_remedy_can_be_copied() -> None:
    assert next_step("train it again, then run: interlock register adapter DIR --adapter x and fill in risk.bias") == (
        "train it again, then run ",
        Code("interlock register adapter DIR --adapter x"),
        " and fill in risk.bias",
    )
    assert next_step("run: git fetch --unshallow   (in a workflow: fetch-depth: 0)")[1] == Code("git fetch --unshallow")
    assert next_step("raise the limit") == ("raise the limit",)


def test_an_empty_repository_is_no_pass(tmp_path: Path) -> None:
    from interlock.checking.checker import check_tree
    from interlock.documents.tree import WorkingTree

    tree = WorkingTree(tmp_path)
    assert "❓ Nothing was checked" in render_page(page_of(check_tree(tree), tree, "interlock check"))
