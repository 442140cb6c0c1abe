"""Rules of an organisation's own with anything in them: true, false, or no answer; an error is never a pass."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st

from fuzz.budget import cases
from fuzz.expressions import expressions
from fuzz.reading import assert_worded
from fuzz.report_formats import assert_reported
from fuzz.valid import healthy
from interlock.checking.checker import check_tree, exit_code
from interlock.cli.excerpts import sources_of
from interlock.documents.tree import WorkingTree
from interlock.rules.expressions.completion import completed
from interlock.rules.expressions.engine import Bound, NotEvaluated, NotUnderstood
from interlock.rules.expressions.google_cel import GoogleCel
from interlock.rules.expressions.views import MODELS, VARIABLES, variables_for
from support.own_rules import rule_path, write_rule

ENGINE = GoogleCel()


@cache
def _data() -> dict[str, Bound]:
    found = {name: completed(model, {}) for name, model in MODELS.items()}
    return {name: ENGINE.bind(document, computed=computed) for name, (document, computed) in found.items()}


def _answer(text: str, applies_to: str) -> bool | None:
    """True, false, or None for an expression that is refused or has no answer, with words."""
    try:
        return ENGINE.compile(text, variables_for(applies_to)).evaluate(_data())
    except NotUnderstood as refused:
        assert_worded(refused.found)
        _within(refused.offset, text)
    except NotEvaluated as refused:
        assert_worded(str(refused))
    return None


def _within(offset: int, text: str) -> None:
    assert -1 <= offset <= len(text), offset


@cases(900, expressions(), st.sampled_from(["promotion", "promotion", *sorted(VARIABLES)]))
def test_any_expression_is_true_or_false_or_has_no_answer(text: str, applies_to: str) -> None:
    assert _answer(text, applies_to) in (True, False, None)


@cases(300, st.text(max_size=30))
def test_any_text_as_an_expression_is_refused_or_has_an_answer(text: str) -> None:
    assert _answer(text, "revision") in (True, False, None)


@cases(120, expressions(), st.sampled_from(["true", "revision.adapter == 'support-bot'", "1 / 0 == 1"]))
def test_a_rule_that_cannot_be_understood_or_answered_never_passes(require: str, when: str) -> None:
    repository = healthy()
    rule: dict[str, Any] = {
        "require": require.encode("utf-8", "replace").decode(),
        "when": when,
        "examples": [],
    }  # which warns
    try:
        write_rule(repository, **rule)
        tree = WorkingTree(repository.root)
        result = check_tree(tree)
        assert_reported(result, sources_of(tree))
    finally:
        repository.remove(rule_path("own-rule"))
    if exit_code(result) == 0:
        assert when != "1 / 0 == 1"
        ENGINE.compile(rule["require"], variables_for("revision"))  # it was understood
    for finding in result.findings:
        assert_worded(finding.found, finding.remedy)
