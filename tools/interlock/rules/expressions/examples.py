"""Runs the examples that a rule carries. Called by the rule `rule-example-wrong` and by `interlock rules test`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.documents.fields import Document
from interlock.documents.kinds.policy import Rule, RuleExample
from interlock.documents.positions import Place
from interlock.rules.expressions.completion import BadExample, completed
from interlock.rules.expressions.engine import NotEvaluated, RuleEngine
from interlock.rules.expressions.judging import Judge, Subject, Understood, understand
from interlock.rules.expressions.views import VARIABLES, variables_for

NO_ANSWER = "no answer"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an example came out: `pass`, `fail`, `skip`, or `no answer` with the reason in `why`."""

    index: int
    example: RuleExample
    came_out: str
    why: str = ""

    @property
    def as_expected(self) -> bool:
        """Whether the rule says what its author expects."""
        return self.came_out == self.example.expect


def run_examples(engine: RuleEngine, rule: Rule, judge: Judge | None = None) -> Iterator[Outcome]:
    """Run each example of a rule; a judge that is given counts the steps of several rules together.

    Raises:
        Broken: the rule itself is not understood.
    """
    understood = understand(engine, rule)
    judge = judge or Judge(engine)
    for index, example in enumerate(rule.examples):
        try:
            yield Outcome(index, example, _come_out(judge, rule, understood, example.given))
        except (BadExample, NotEvaluated) as why:
            yield Outcome(index, example, NO_ANSWER, str(why))


def _come_out(judge: Judge, rule: Rule, understood: Understood, given: Mapping[str, Mapping[str, Any]]) -> str:
    if unknown := sorted(given.keys() - set(VARIABLES[rule.applies_to])):
        known = ", ".join(VARIABLES[rule.applies_to])
        raise BadExample(f"there is no variable {unknown[0]} in a rule about a {rule.applies_to}, only {known}")
    documents: dict[str, Document] = {}
    for name, model in variables_for(rule.applies_to).items():
        try:
            documents[name], computed = completed(model, given.get(name, {}))
        except BadExample as why:
            raise BadExample(f"{name}.{why}") from why
        if computed:
            judge.computed[id(documents[name])] = (documents[name], computed)
    subject = Subject("the example", Place(""), documents, {})
    if not judge.answer(understood.when, subject, understood):
        return "skip"
    return "pass" if judge.answer(understood.require, subject, understood) else "fail"
