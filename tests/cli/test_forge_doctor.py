"""`interlock forge doctor`: what a person sees, and which exit status a script gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command_line import Outcome, interlock
from support.forges.reading import forge
from support.forges.settings import GITHUB, GUARDED, Routes, github_rulesets
from support.forges.telling import PATH
from support.repositories import Repository


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_TOKEN", "GH_TOKEN", "GITLAB_TOKEN", "FORGEJO_TOKEN", "INTERLOCK_FORGE_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)


def run(kind: str, routes: Routes, *words: str | Path) -> Outcome:
    with forge(kind, routes) as reading:  # type: ignore[arg-type]  # the names of GUARDED
        return interlock("forge", "doctor", f"{kind}:{reading.server.url}/{PATH}", *words)


@pytest.mark.parametrize("name", GUARDED)
def test_a_guarded_branch_is_exit_0(name: str, repository: Repository) -> None:
    kind, guarded = GUARDED[name]
    outcome = run(kind, guarded(), "-C", repository.root)
    assert outcome.status == 0, outcome.out
    assert ", branch main\n" in outcome.out
    assert outcome.out.endswith(" as expected, 0 missing, 0 could not be read\n")


def test_what_is_missing_says_what_why_and_where(repository: Repository) -> None:
    routes = github_rulesets().spoil(
        f"{GITHUB}/rules/branches/main", 0, "parameters", "require_last_push_approval", to=False
    )
    outcome = run("github", routes, "-C", repository.root)
    assert outcome.status == 1
    assert (
        "  MISSING last-push: approval of the most recent push: off\n"
        "          Expected: approval of the most recent push: on\n"
        "          Without it the last one to push would approve their own push (8)\n"
        "          Change it in: Settings → Rules → Rulesets\n"
    ) in outcome.out


def test_what_the_token_may_not_read_is_could_not_evaluate(repository: Repository) -> None:
    routes = github_rulesets()
    routes.documents[f"{GITHUB}/rulesets/42"] = (404, {"message": "Not Found"})
    outcome = run("github", routes, "-C", repository.root)
    assert outcome.status == 4
    assert "UNKNOWN nobody-bypasses: ruleset 42: the token may not read it (404)" in outcome.out


def test_the_policies_say_how_many_approvals_to_expect(repository: Repository) -> None:
    repository.change(
        "policies/production.yaml", "approvals", to={"count": 2, "roles": {"validator": 2, "operator": 1}}
    )
    outcome = run("github", github_rulesets(), "-C", repository.root, "--json")
    assert outcome.status == 1
    assert outcome.document["wanted"] == {"approvals": 3, "check": "conclusion", "signed_commits": False}
    (missing,) = [item for item in outcome.document["settings"] if item["status"] == "missing"]
    assert (missing["setting"], missing["found"], missing["expected"]) == ("approvals", "2 required", "3 or more")
    assert run("github", github_rulesets(), "--approvals", "2", "-C", repository.root).status == 0


def test_a_policy_that_cannot_be_read_might_ask_for_more(repository: Repository) -> None:
    repository.write("policies/production.yaml", "kind: [\n")
    outcome = run("github", github_rulesets(), "-C", repository.root)
    assert outcome.status == 4
    assert "policies/production.yaml cannot be read" in outcome.err
    assert run("github", github_rulesets(), "--approvals", "2", "-C", repository.root).status == 0


def test_another_check_may_be_the_required_one(repository: Repository) -> None:
    outcome = run("github", github_rulesets(), "--check", "lint", "-C", repository.root)
    assert outcome.status == 1
    assert "MISSING check-source: lint from any source" in outcome.out


def test_a_forge_that_refuses_is_could_not_evaluate(repository: Repository) -> None:
    outcome = run("gitlab", Routes({}), "-C", repository.root)
    assert outcome.status == 4
    assert "GITLAB_TOKEN" in outcome.err


def test_what_a_forge_says_cannot_write_on_the_terminal(repository: Repository) -> None:
    routes = github_rulesets().spoil(
        f"{GITHUB}/rules/branches/main", 1, "parameters", "required_status_checks", to=[{"context": "\x1b[2Jx\n"}]
    )
    outcome = run("github", routes, "-C", repository.root)
    assert outcome.status == 1
    assert "\x1b" not in outcome.out


@pytest.mark.parametrize("words", [("--approvals", "0"), ("--approvals", "many")])
def test_wrong_use(words: tuple[str, ...], repository: Repository) -> None:
    assert run("github", github_rulesets(), *words, "-C", repository.root).status == 2
