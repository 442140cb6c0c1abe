"""Expressions are typed against the documents, have an answer or none, and end."""

from __future__ import annotations

import time
from typing import Any

import pytest

from interlock.documents.fields import Document
from interlock.rules.expressions.bounds import LONGEST_EXPRESSION, MOST_STEPS
from interlock.rules.expressions.completion import BadExample, completed
from interlock.rules.expressions.engine import Bound, NotEvaluated, NotUnderstood, RuleEngine, find_engine
from interlock.rules.expressions.google_cel import GoogleCel
from interlock.rules.expressions.views import MODELS, VARIABLES, plain, variables_for

ENGINE: RuleEngine = GoogleCel()
LONG = "a" * 9_999
"""As long as a text of a document may be."""


def bound(**given: dict[str, Any]) -> dict[str, Bound]:
    """Every variable, completed from what is given."""
    found = {}
    for name, model in MODELS.items():
        document, computed = completed(model, given.get(name, {}))
        found[name] = ENGINE.bind(document, computed=computed)
    return found


def dataset(**fields: str) -> dict[str, Any]:
    return {"revision": {"datasets": [fields]}}


def ask(text: str, **given: dict[str, Any]) -> bool:
    return ENGINE.compile(text, variables_for("promotion")).evaluate(bound(**given))


def refusal(text: str) -> NotUnderstood:
    with pytest.raises(NotUnderstood) as refused:
        ENGINE.compile(text, variables_for("promotion"))
    return refused.value


def no_answer(text: str, **given: dict[str, Any]) -> str:
    with pytest.raises(NotEvaluated) as refused:
        ask(text, **given)
    return str(refused.value)


def test_the_engine_is_found_where_it_is_installed() -> None:
    assert isinstance(find_engine(), GoogleCel)


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("revision.artifact.size > 500 * 1024 * 1024", {"revision": {"artifact": {"size": 600_000_000}}}),
        (
            "environment.protected && environment.keep_previous == 4",
            {"environment": {"protected": True, "keep_previous": 4}},
        ),
        ("'load-test' in evidence.kinds", {"evidence": {"kinds": ["load-test"]}}),
        ("revision.datasets.all(d, has(d.expires) && d.expires > change.day)", dataset(expires="2027-01-01")),
        ("environment.soak.duration >= duration('24h')", {"environment": {"soak": {"duration": "1d"}}}),
        (
            "revision.datasets.all(d, d.window.last - d.window.first == duration('720h'))",
            dataset(window="2026-01-01/2026-01-31"),
        ),
        (
            "revision.provenance.hyperparameters.rows == 3",
            {"revision": {"provenance": {"hyperparameters": {"rows": 3}}}},
        ),
        ("environment.windows.exists(w, w.from == '08:00')", {"environment": {"windows": [{"from": "08:00"}]}}),
        ("'q_proj' in revision.peft.target_modules", {"revision": {"peft": {"target_modules": ["q_proj"]}}}),
        ("revision.datasets.map(d, d.license).exists(l, l.matches('^(mit|bsd)$'))", dataset(license="mit")),
        ("'legal' in adapter.notify.sev1", {"adapter": {"notify": {"sev1": ["legal"]}}}),
        ("pointer.canary.weight <= 5.0", {"pointer": {"canary": {"weight": 5}}}),
        ("change.role == 'canary' && change.previous == '1'", {"change": {"role": "canary", "previous": "1"}}),
        ("base.quantization.method == 'fp8'", {"base": {"quantization": {"method": "fp8"}}}),
        ("revision.artifact.digest.startsWith('sha256:')", {}),
    ],
)
def test_what_rules_ask_for_has_an_answer(text: str, given: dict[str, Any]) -> None:
    assert ask(text, **given) is True
    assert ask(f"!({text})", **given) is False


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("revision.artifact.sizee > 1", "sizee"),
        ("true &&\n  revision.artifact.sizee > 1", "sizee"),
        ("'ü' == 'ü' && revision.artifact.sizee > 1", "sizee"),
        ("revision.datasets.exists(d, d.licence == 'mit')", "licence"),
        ("revison.artifact.size > 1", "revison"),
        ("revision.artifact.size > '1'", "> '1'"),
        ("revision.artifact['size'] > 1", "['size']"),
        ("nothing(revision)", "nothing"),
    ],
)
def test_what_is_misspelt_is_refused_at_its_place(text: str, at: str) -> None:
    assert text[refusal(text).offset :].startswith(at)


@pytest.mark.parametrize(
    "text",
    ["has(revision.artifact.sizee)", "has(revision.risk.bias.verdct)", "true ||", "", "revision", "1 + 1", "\x00", "'"],
)
def test_what_is_no_question_about_the_documents_is_refused(text: str) -> None:  # fmt: skip
    assert refusal(text).found


def test_every_variable_belongs_to_a_kind_of_rule() -> None:
    assert "evidence" not in variables_for("environment")
    assert "change" not in variables_for("pointer")
    assert set().union(*VARIABLES.values()) == set(MODELS)


def test_an_optional_field_is_absent_until_it_is_written() -> None:
    written = {"revision": {"risk": {"bias": {"verdict": "acceptable"}}}}
    assert ask("has(revision.risk.bias)") is False
    assert ask("has(revision.risk.bias)", **written) is True
    assert no_answer("revision.risk.bias.verdict == 'acceptable'") == "bias is not written"
    assert ask("revision.risk.bias.verdict == 'acceptable'", **written) is True
    assert ask("has(revision.risk.bias) && revision.risk.bias.verdict == 'acceptable'") is False
    assert ask("!has(revision.risk.bias) || revision.risk.bias.verdict == 'acceptable'") is True


def test_null_in_a_document_is_absent_too() -> None:
    assert ask("has(revision.peft.modules_to_save)", revision={"peft": {"modules_to_save": None}}) is False


def test_a_field_with_a_default_is_always_there() -> None:
    assert ask("has(environment.protected) && !environment.protected && environment.keep_previous == 1")
    assert ask("revision.datasets.size() == 0")


@pytest.mark.parametrize(
    "text",
    [
        "1 / 0 == 1",
        "[1][5] == 1",
        "revision.provenance.hyperparameters.epochs > 1",
        "int('x') == 1",
        "timestamp('yesterday') < change.day",
        "'a' in revision.peft.target_modules",  # a text here, not a list
        "9223372036854775807 + 1 > 0",
    ],
)
def test_an_error_is_never_an_answer(text: str) -> None:
    """The library gives errors as values that are true to Python."""
    assert no_answer(text)


def test_a_document_that_is_not_there_has_no_answer() -> None:
    with pytest.raises(NotEvaluated, match="there is no revision"):
        ENGINE.compile("revision.artifact.size > 1", variables_for("revision")).evaluate({})


@pytest.mark.parametrize(
    "text",
    [
        "dyn(revision).artifact.sizee == 1",
        "has(dyn(revision).sizee)",
        "type(revision) == type(base)",
        "has(revision.provenance.hyperparameters.epochs.maximum)",
        "revision.provenance.hyperparameters.epochs.maximum == 1",
        "document.Evidence{} == evidence",
        "google.protobuf.Struct{} == google.protobuf.Struct{}",
    ],
)
def test_types_cannot_be_hidden(text: str) -> None:
    assert refusal(text).found


GROWING = {
    "text that doubles": "[adapter.name]" + ".map(x, x + x)" * 8 + ".size() > 0",
    "text joined once": "adapter.name + adapter.name == ''",
    "numbers or text of a free mapping": "revision.provenance.hyperparameters.a + adapter.name == 'x'",
    "lists that are joined": "[1] + [1] == [1]",
    "lists in lists": "[[1, 1], [1, 1]] == [[1]]",
    "lists made in a loop": "[1].map(x, [x]).size() == 1",
    "a list bound to a name": "[0].map(i, revision.datasets).all(x, x == x)",
    "shared lists": "[1].map(a, [2].map(b, a)).map(c, [3].map(d, c)) == []",
    "mappings": "{'a': {'b': 1}}.a.b == 1",
    "documents made in a loop": "revision.datasets.map(d, d).map(d, d.window).size() == 0",
    "bytes": "b'a' + b'a' == b'a'",
    "a pattern from a document": "adapter.name.matches(adapter.description)",
    "a long pattern": f"adapter.name.matches('{'(a|b)' * 60}')",
    "a pattern built in the rule": "adapter.name.matches(string(1))",
}  # fmt: skip


@pytest.mark.parametrize("what", GROWING)
def test_what_can_grow_without_bound_is_refused(what: str) -> None:
    assert refusal(GROWING[what]).found


@pytest.mark.parametrize("depth", [33, 200, 3_000])
def test_a_deep_expression_is_refused(depth: int) -> None:
    length = min(depth, LONGEST_EXPRESSION)
    for text in (
        "(" * length + "true" + ")" * length,
        "[" * length + "1" + "]" * length + " == []",
        "1" + "+1" * length + " == 1",
    ):
        assert refusal(text).found


def test_a_long_expression_is_refused_before_it_is_parsed() -> None:
    assert "characters" in refusal(" " * LONGEST_EXPRESSION + "true").found
    assert ask("true".ljust(LONGEST_EXPRESSION)) is True


SEARCH = "adapter.description.contains('b')"
LOOPS = {
    "a million iterations": "revision.provenance.seeds.all(a, revision.provenance.seeds.all(b, true))",
    "many patterns": "revision.provenance.seeds.exists(s, adapter.description.matches('(a|b){1,30}(a|b){1,30}x$'))",
    "many long comparisons": "revision.provenance.seeds.exists(s, adapter.kpis == adapter.kpis && s < 0)",
    "many searches": "revision.provenance.seeds.exists(s, " + " || ".join([SEARCH] * 20) + ")",
}  # fmt: skip


@pytest.mark.parametrize("what", LOOPS)
def test_much_work_on_large_documents_has_no_answer_and_ends_at_once(what: str) -> None:
    data = bound(
        revision={"provenance": {"seeds": list(range(1000))}},
        adapter={"description": LONG, "kpis": [{"name": "a", "source": LONG}] * 100},
    )
    expression = ENGINE.compile(LOOPS[what], variables_for("promotion"))
    begun = time.perf_counter()
    with pytest.raises(NotEvaluated):
        expression.evaluate(data)
    assert time.perf_counter() - begun < 5


def test_the_most_work_that_is_allowed_takes_seconds_at_most() -> None:
    """The estimate of steps is worth something only if the steps are short."""
    expression = ENGINE.compile(
        "revision.provenance.seeds.exists(s, " + " || ".join(["s < 0"] * 20) + ")", variables_for("promotion")
    )
    data = bound(revision={"provenance": {"seeds": list(range(9_000))}})
    assert MOST_STEPS / 3 < expression.cost(data) <= MOST_STEPS
    begun = time.perf_counter()
    assert expression.evaluate(data) is False
    assert time.perf_counter() - begun < 10


def test_a_text_that_is_no_unicode_has_no_answer() -> None:
    expression = ENGINE.compile("adapter.name == 'x'", variables_for("promotion"))
    with pytest.raises(NotEvaluated):
        expression.evaluate({"adapter": Bound({"name": "\ud800"}, 1, 1)})
    with pytest.raises(NotEvaluated):
        expression.evaluate({"adapter": Bound({"name": object()}, 1, 1)})


@pytest.mark.parametrize("name", MODELS)
def test_every_document_can_be_completed_and_read(name: str) -> None:
    document, _ = completed(MODELS[name], {})
    assert isinstance(document, Document)
    assert "None" not in str(plain(document))
    assert ENGINE.compile(f"{name} == {name}", {name: MODELS[name]}).evaluate({name: ENGINE.bind(document)})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"artifact": {"sizee": 1}}, "artifact.sizee: there is no such key"),
        ({"artifact": {"size": "large"}}, "artifact.size: expected int"),
        ({"datasets": [{"name": 7}]}, "datasets.0.name"),
        ({"artifact": 7}, "artifact"),
        ({"datasets": 7}, "datasets"),
    ],
)
def test_what_no_document_could_hold_is_no_example(given: dict[str, Any], told: str) -> None:
    with pytest.raises(BadExample, match=told.replace(".", r"\.")):
        completed(MODELS["revision"], given)
