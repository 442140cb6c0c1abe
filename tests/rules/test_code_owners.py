"""CODEOWNERS follows from roster, policies and adapters, and says what it says to the forge and to nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from codeowners import CodeOwners
from hypothesis import given
from hypothesis import strategies as st

from interlock.documents.snapshot import Snapshot, read_snapshot
from interlock.documents.tree import WorkingTree
from interlock.rules.code_owners import expected_text
from interlock.rules.code_owners_file import (
    Forge,
    Group,
    NotWritable,
    Options,
    Owned,
    code_owners_text,
    escaped_pattern,
    escaped_regex,
    generated_with,
)
from support.checks import check, passes, warned
from support.repositories import Repository

ROSTER, POLICY = "policies/roster.yaml", "policies/production.yaml"
GITHUB = Options("github")
PEOPLE = [
    {"login": "alice", "id": 1, "emails": ["alice@example.com"], "roles": ["trainer"]},
    {"login": "bob", "id": 2, "emails": ["bob@example.com"], "roles": ["validator"]},
    {"login": "carol", "id": 3, "emails": ["carol@example.com"], "roles": ["operator", "validator"]},
    {"login": "dave", "id": 4, "emails": ["Support@Example.com"], "roles": []},
]
MACHINES = [{"name": "check-ci", "roles": ["attester"]}]


@pytest.fixture
def owned(repository: Repository) -> Repository:
    """The healthy repository with four people, of whom two may approve into production."""
    repository.write(ROSTER, {"kind": "Roster", "people": PEOPLE, "machines": MACHINES})
    repository.change(POLICY, "approvals", to={"count": 2, "roles": {"validator": 1, "operator": 1}})
    return repository


def snapshot(repository: Repository) -> Snapshot:
    return read_snapshot(WorkingTree(repository.root))


def text_of(repository: Repository, forge: Forge = "github", teams: str = "") -> str:
    return expected_text(snapshot(repository), Options(forge, teams))


def owners(text: str, path: str) -> set[str]:
    return {owner for _, owner in CodeOwners(text).of(path)}


def sections(text: str) -> Iterator[tuple[str, str]]:
    """The sections of GitLab: head and lines."""
    for part in re.split(r"^(?=\[)", text, flags=re.MULTILINE)[1:]:
        head, _, lines = part.partition("\n")
        yield head, lines


def by_section(text: str, path: str) -> dict[str, set[str]]:
    found = {head: owners(lines, path) for head, lines in sections(text)}
    return {head: people for head, people in found.items() if people}


def words_of(line: str) -> list[str]:
    """How Forgejo and Gitea take a line apart: `\\` takes the next character as it is, `#` ends the line."""
    words, word, taken = [], "", False
    for char in line + " ":
        if taken or char not in "\\# ":
            word, taken = word + char, False
        elif char == "\\":
            taken = True
        else:
            words += [word] if word else []
            word = ""
            if char == "#":
                break
    return words


def by_expressions(text: str, path: str) -> set[str]:
    """The owners of every line whose expression matches the whole path."""
    lines = [words for line in text.split("\n") if (words := words_of(line))]
    return {owner for pattern, *owners_ in lines if re.fullmatch(pattern, path) for owner in owners_}


POINTER = "environments/production/pointers/support-bot.yaml"


def test_an_environment_belongs_to_the_people_of_the_roles_that_its_policies_ask_for(owned: Repository) -> None:
    text = text_of(owned)
    assert owners(text, POINTER) == {"@bob", "@carol"}
    assert owners(text, "environments/production/environment.yaml") == {"@bob", "@carol"}


def test_an_environment_without_a_policy_belongs_to_nobody(owned: Repository) -> None:
    assert owners(text_of(owned), "environments/dev/pointers/support-bot.yaml") == set()


def test_policies_and_pipelines_belong_to_all_who_approve(owned: Repository) -> None:
    for path in ("policies/roster.yaml", "policies/rules/x.yaml", ".github/workflows/ci.yml", ".github/CODEOWNERS"):
        assert owners(text_of(owned), path) == {"@bob", "@carol"}, path


def test_a_policy_belongs_to_those_who_approve_into_its_environments(owned: Repository) -> None:
    owned.write(
        "policies/dev.yaml",
        {"kind": "Policy", "environments": ["dev"], "approvals": {"count": 1, "roles": {"trainer": 1}}},
    )
    text = text_of(owned)
    assert owners(text, "policies/dev.yaml") == {"@alice"}
    assert owners(text, "policies/production.yaml") == {"@bob", "@carol"}
    assert owners(text, "policies/roster.yaml") == {"@alice", "@bob", "@carol"}


def test_where_only_a_number_is_asked_for_everybody_owns_it(owned: Repository) -> None:
    owned.change(POLICY, "approvals", to={"count": 2})
    assert owners(text_of(owned), POINTER) == {"@alice", "@bob", "@carol", "@dave"}


def test_a_role_that_nobody_holds_is_told_and_makes_no_line_without_owners(owned: Repository) -> None:
    owned.change(POLICY, "approvals", to={"count": 1, "roles": {"incident-commander": 1}})
    text = text_of(owned)
    assert "environment production: 1 incident-commander (nobody)" in text
    assert list(CodeOwners(text).matching_lines(POINTER)) == []


def test_machines_own_nothing(owned: Repository) -> None:
    assert "check-ci" not in text_of(owned)


@pytest.mark.parametrize("folder", ["suites", "recipes"])
def test_suites_and_recipes_belong_to_the_person_whom_the_adapter_names(owned: Repository, folder: str) -> None:
    owned.change("adapters/support-bot/adapter.yaml", "owners", "contact", to="support@example.com")
    text = text_of(owned)
    assert owners(text, f"adapters/support-bot/{folder}/core.yaml") == {"@dave"}
    assert owners(text, "adapters/support-bot/revisions/1.yaml") == set()


def test_suites_and_recipes_belong_to_a_team_where_teams_are_known(owned: Repository) -> None:
    team = owned.read("adapters/support-bot/adapter.yaml")["owners"]["team"]
    assert owners(text_of(owned, teams="acme"), "adapters/support-bot/suites/x") == {f"@acme/{team}"}


def test_suites_of_an_unknown_owner_belong_to_those_who_approve(owned: Repository) -> None:
    owned.change("adapters/support-bot/adapter.yaml", "owners", "contact", to="nobody@example.com")
    assert owners(text_of(owned), "adapters/support-bot/suites/core.yaml") == {"@bob", "@carol"}


def test_gitlab_asks_each_role_for_its_number(owned: Repository) -> None:
    owned.change(POLICY, "approvals", to={"count": 3, "roles": {"validator": 2, "operator": 1}})
    assert by_section(text_of(owned, "gitlab"), POINTER) == {
        "[environment production operator][1]": {"@carol"},
        "[environment production validator][2]": {"@bob", "@carol"},
    }


def test_forgejo_reads_the_same_owners_from_its_expressions(owned: Repository) -> None:
    text = text_of(owned, "forgejo")
    assert by_expressions(text, POINTER) == {"@bob", "@carol"}
    assert by_expressions(text, ".forgejo/workflows/check.yml") == {"@bob", "@carol"}
    assert by_expressions(text, "xforgejo/workflows/check.yml") == set()
    assert by_expressions(text, "environments/dev/environment.yaml") == set()


@pytest.mark.parametrize("forge", ["github", "gitlab", "forgejo"])
@pytest.mark.parametrize("login", ["bob @eve", "bob\n/ @eve", "", "bob#", "-bob", "bób", "bob]", "@bob", "a" * 300])
def test_bypass_23_a_login_that_would_be_read_as_something_else_is_refused(forge: Forge, login: str) -> None:
    entry = Owned("environment production", ("/environments/production/",), (Group("", 1, (f"@{login}",)),))
    with pytest.raises(NotWritable, match=r"no login"):
        code_owners_text([entry], Options(forge))


PATHS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Z")) | st.just(" "), min_size=1, max_size=12
)


@given(PATHS.map(lambda name: f"/{name.strip('/ ').replace('//', '/') or 'x'}x"), PATHS)
def test_a_path_as_a_pattern_matches_itself_and_no_other(path: str, other: str) -> None:
    try:
        text = f"{escaped_pattern(path)} @bob\n"
    except NotWritable:
        return
    found = CodeOwners(text)
    assert found.of(path.removeprefix("/")) == [("USERNAME", "@bob")]
    if other != path.removeprefix("/") and not other.startswith(path.removeprefix("/") + "/"):
        assert found.of(other) == []


@given(PATHS, PATHS)
def test_a_path_as_an_expression_matches_itself_and_no_other(path: str, other: str) -> None:
    text = f"{escaped_regex(path)} @bob\n"
    assert by_expressions(text, path) == {"@bob"}
    assert (by_expressions(text, other) == {"@bob"}) == (other == path)


@pytest.mark.parametrize("options", [GITHUB, Options("gitlab", "ml/platform"), Options("forgejo", "acme")])
def test_how_a_file_was_generated_is_read_back(owned: Repository, options: Options) -> None:
    assert generated_with(expected_text(snapshot(owned), options)) == options


@pytest.mark.parametrize(
    "text", ["", "* @bob\n", "# Generated by `interlock codeowners --forge svn`; \n", "\n# Generated"]
)
def test_a_file_that_somebody_wrote_is_not_ours(text: str) -> None:
    assert generated_with(text) is None


@pytest.mark.parametrize("path", [".github/CODEOWNERS", "CODEOWNERS", ".forgejo/CODEOWNERS"])
def test_a_generated_file_that_is_current_passes(owned: Repository, path: str) -> None:
    owned.write(path, text_of(owned))
    passes(owned)


def test_a_generated_file_is_outdated_when_the_roster_changes(owned: Repository) -> None:
    owned.write(".github/CODEOWNERS", text_of(owned))
    owned.change(ROSTER, "people", to=[*PEOPLE[:2], {**PEOPLE[2], "login": "erin"}])
    finding = warned(owned, "codeowners-outdated", ".github/CODEOWNERS", "/.github/ @bob @carol")
    assert "interlock codeowners --write" in finding.remedy


def test_a_generated_file_that_somebody_edited_is_outdated(owned: Repository) -> None:
    owned.write("CODEOWNERS", text_of(owned) + "* @eve\n")
    warned(owned, "codeowners-outdated", "CODEOWNERS", "* @eve")


def test_a_login_that_cannot_be_written_is_told(owned: Repository) -> None:
    owned.write("CODEOWNERS", text_of(owned))
    owned.change(ROSTER, "people", to=[*PEOPLE[:2], {**PEOPLE[2], "login": "carol @eve"}])
    (finding,) = (found for found in check(owned).findings if found.rule == "codeowners-outdated")
    assert "no login" in finding.found


@pytest.mark.parametrize("content", ["* @bob\n", b"\xff\xfe", b"# Generated by" + b"x" * (1 << 21)])
def test_a_file_of_somebodys_own_is_not_judged(owned: Repository, content: str | bytes) -> None:
    owned.write("CODEOWNERS", content)
    passes(owned)
