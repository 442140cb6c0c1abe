"""The catalogue is complete: what is emitted is registered, what is registered is tested, and rules stay pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from interlock import documents, rules
from interlock.rules import transitions
from interlock.rules.registry import BY_ID, RULES
from interlock.rules.rule import Rule, TransitionRule
from interlock.rules.transitions.registry import BY_ID as TRANSITIONS_BY_ID
from interlock.rules.transitions.registry import RULES as TRANSITIONS

KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
NOT_RULES = {"utf-8", "utf-16-be", "support-bot", "your-team", "…"}
FAMILIES = frozenset(
    [
        "form",
        "references",
        "pointers",
        "environments",
        "binding",
        "merges",
        "licences",
        "integrity",
        "settings",
        "compatibility",
        "engine",
        "capacity",
        "lineage",
        "weights",
        "policies",
        "rules",
        "waivers",
        "governance",
        "records",
        "decisions",
        "stages",
        "calendar",
        "retention",
        "approvals",
        "roster",
    ]
)
EVERY: tuple[Rule | TransitionRule, ...] = (*RULES, *TRANSITIONS)
ASSERTING = {"refused", "not_evaluated", "warned"}
TESTS = Path(__file__).parent


def syntax_trees(folder: Path) -> Iterator[ast.AST]:
    for path in sorted(folder.glob("*.py")):
        yield ast.parse(path.read_text(encoding="utf-8"), str(path))


def kebab_words_passed_on(folder: Path) -> set[str]:
    """Text constants that look like the id of a rule and are arguments of a call or values of a variable."""
    found: set[str] = set()
    for tree in syntax_trees(folder):
        for node in ast.walk(tree):
            values = (
                [*node.args] if isinstance(node, ast.Call) else [node.value] if isinstance(node, ast.Assign) else []
            )
            for value in values:
                for part in (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str) and KEBAB.fullmatch(part.value):
                        found.add(part.value)
    return found - NOT_RULES


def folder_of(package: object) -> Path:
    (folder,) = package.__path__  # type: ignore[attr-defined]
    return Path(folder)


def test_every_rule_that_is_emitted_is_registered() -> None:
    assert kebab_words_passed_on(folder_of(documents)) <= BY_ID.keys()
    assert kebab_words_passed_on(folder_of(rules)) == BY_ID.keys()
    assert kebab_words_passed_on(folder_of(transitions)) == TRANSITIONS_BY_ID.keys()


def test_ids_are_unique_and_name_a_flaw_in_kebab_case() -> None:
    assert len(BY_ID.keys() | TRANSITIONS_BY_ID.keys()) == len(RULES) + len(TRANSITIONS)
    assert all(KEBAB.fullmatch(rule.id) for rule in EVERY)


def test_every_rule_says_what_why_and_how_to_put_it_right() -> None:
    for rule in EVERY:
        for sentence in (rule.why, rule.remedy):
            assert sentence.endswith("."), rule.id
        assert rule.title
        assert not rule.title.endswith("."), rule.id
        assert rule.family in FAMILIES, rule.id


def test_every_rule_has_a_case_that_must_fail() -> None:
    proven = {
        node.args[1].value
        for tree in syntax_trees(TESTS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ASSERTING
        and isinstance(node.args[1], ast.Constant)
    }
    in_other_words = {"submodule-in-tree", "unreadable-file"}  # need a tree that no directory on disk can show
    assert BY_ID.keys() - proven == in_other_words
    text = (TESTS / "test_form.py").read_text(encoding="utf-8")
    assert all(f'("{rule}", ' in text for rule in in_other_words)


def test_every_transition_rule_has_a_case_that_must_fail() -> None:
    proven = {
        node.args[0].value
        for tree in syntax_trees(TESTS / "transitions")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("refused", "warned")
        and isinstance(node.args[0], ast.Constant)
    }
    assert TRANSITIONS_BY_ID.keys() - proven == set()
