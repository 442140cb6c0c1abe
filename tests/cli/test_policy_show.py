"""`interlock policy show`: what decides about an environment, and where each value stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from support.command_line import Outcome, interlock
from support.repositories import Repository, environment, git_repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """The repository, committed, with a second policy for production."""
    repository = git_repository(tmp_path / "repository")
    repository.write(
        "policies/strict.yaml",
        {
            "kind": "Policy",
            "environments": ["production", "staging"],
            "approvals": {"count": 3, "roles": {"operator": 1}},
        },
    )
    return repository


def show(repository: Repository, *words: str) -> Outcome:
    return interlock("policy", "show", *words, "-C", repository.root)


def settings(repository: Repository, *words: str) -> dict[str, Any]:
    return {item["key"]: item for item in show(repository, "production", "--json", *words).document["settings"]}


def test_every_value_says_where_it_stands(repository: Repository) -> None:
    outcome = show(repository, "production")
    assert outcome.status == 0, outcome.err
    assert re.search(r"^  approvals.count +3 +the larger one of$", outcome.out, flags=re.MULTILINE)
    count = settings(repository)["approvals.count"]
    assert [(item["path"], item["line"], item["value"]) for item in count["stated"]] == [
        ("policies/production.yaml", 4, 1),
        ("policies/strict.yaml", 4, 3),
    ]
    for item in count["stated"]:
        assert f"{item['path']}:{item['line']}\n" in outcome.out


def test_the_environment_its_people_waivers_and_rules_are_part_of_it(repository: Repository) -> None:
    repository.change(environment("production"), "soak", to={"duration": "24h"})
    waiver = {"rule": "over-max-loras", "approver": "alice", "reason": "a larger engine comes"}
    scopes = {"environments/production/": "2999-01-01", "environments/dev/": "2999-01-02", "adapters": "2001-01-01"}
    waivers = [waiver | {"scope": scope, "until": until} for scope, until in scopes.items()]
    repository.write("policies/waivers.yaml", {"kind": "Waivers", "waivers": waivers})
    document = show(repository, "production", "--json").document
    declared = {item["key"]: item for item in document["declared"]}
    assert declared["upstream"] == {"key": "upstream", "value": "staging", "default": False} | {
        "path": environment("production"),
        "line": 3,
    }
    assert declared["soak"]["value"] == {"duration": "1d", "requests": 0}
    assert declared["windows"]["default"] is True
    assert document["roles"] == [{"role": "operator", "people": []}, {"role": "validator", "people": ["alice"]}]
    assert [item["until"] for item in document["waivers"]] == ["2999-01-01"]


def test_the_trusted_side_is_read_from_its_commit(repository: Repository) -> None:
    assert settings(repository)["approvals.count"]["value"] == 3
    assert settings(repository, "--at", "main")["approvals.count"]["value"] == 1


def test_a_conflict_is_shown_with_both_places_and_not_resolved(repository: Repository) -> None:
    for name, records in (("privacy", "2y"), ("records", "10y")):
        retention = {"keep": 1, "records": records}
        repository.write(
            f"policies/{name}.yaml", {"kind": "Policy", "environments": ["production"], "retention": retention}
        )
    outcome = show(repository, "production")
    assert outcome.status == 1
    assert "CONFLICT: retention.records" in outcome.out
    assert "policies/privacy.yaml:5" in outcome.out
    assert "policies/records.yaml:5" in outcome.out
    assert settings(repository)["retention.records"]["value"] is None


def test_a_policy_that_cannot_be_read_makes_the_view_incomplete(repository: Repository) -> None:
    repository.write("policies/strict.yaml", "kind: Policy\nenvironments: [production]\naprovals: {count: 9}\n")
    outcome = show(repository, "production")
    assert outcome.status == 4
    assert "NOT COMPLETE: policies/strict.yaml:3" in outcome.out
    assert "[unknown-key]" in outcome.out


def test_an_unknown_environment_is_wrong_use_and_names_the_known_ones(repository: Repository) -> None:
    outcome = show(repository, "prod")
    assert outcome.status == 2
    assert "one of: dev, production, staging" in outcome.err
    assert show(repository, "../x").status == 2


def test_a_commit_that_is_not_there_is_not_a_view(repository: Repository) -> None:
    for revision in ("no-such-branch", "--upload-pack=x"):
        outcome = show(repository, "production", f"--at={revision}")
        assert outcome.status == 4
        assert "is not a commit" in outcome.err
        assert outcome.out == ""
