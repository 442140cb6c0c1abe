"""Applies an organisation's own rules to subjects: revisions, pointers, environments, promotions or rollbacks.

Called by `rules.custom`, `rules.transitions.custom` and the examples. Pure: documents in, findings out. What has no
answer for a subject is a finding that says so, and never a pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlock.documents.fields import Document
from interlock.documents.kinds.policy import Rule
from interlock.documents.positions import Place
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding, Severity
from interlock.rules.expressions.bounds import MOST_STEPS
from interlock.rules.expressions.engine import Bound, Expression, NotEvaluated, NotUnderstood, RuleEngine
from interlock.rules.expressions.views import variables_for

ALL_STEPS = 100_000_000
"""Steps of all evaluations of one check together: about five seconds, however many subjects there are."""

PLACEHOLDERS: Mapping[str, tuple[str, ...]] = {
    "revision": ("adapter", "revision"),
    "pointer": ("adapter", "revision", "environment"),
    "environment": ("environment",),
    "promotion": ("adapter", "revision", "environment"),
    "rollback": ("adapter", "revision", "environment"),
}
"""What `{…}` may name in `message` and `remedy`, by what a rule applies to."""
PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.]*)\}")


class Broken(Exception):
    """A rule that cannot be judged by; `key` is the key of its document at fault."""

    def __init__(self, key: str, why: NotUnderstood) -> None:
        super().__init__(why.found)
        self.key = key
        self.why = why


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule is asked about. `absent` says why a document is not there; `words` fill the placeholders."""

    name: str
    place: Place
    documents: Mapping[str, Document]
    words: Mapping[str, str]
    absent: Mapping[str, str] = field(default_factory=dict)
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class Understood:
    """A rule whose expressions were understood."""

    when: Expression
    require: Expression

    def fields(self, name: str) -> frozenset[str]:
        """The fields of a variable that the rule reads."""
        return frozenset(field for read, field in self.when.reads | self.require.reads if read == name)


@dataclass
class Judge:
    """One run over many subjects: what was bound is kept, and the steps of all evaluations are counted.

    `computed` holds other computed values for documents of examples, by identity, with the document itself: while it
    is kept, its identity is its own.
    """

    engine: RuleEngine
    steps: int = ALL_STEPS
    computed: dict[int, tuple[Document, Mapping[tuple[str, ...], Any]]] = field(default_factory=dict)
    bound: dict[tuple[int, frozenset[str]], tuple[Document, Bound]] = field(default_factory=dict)

    def findings(self, rules: Iterable[Located[Rule]], subjects: Sequence[Subject]) -> Iterator[Finding]:
        """What the rules find; one that is broken is left out, and has a finding of its own."""
        for located in rules:
            try:
                understood = understand(self.engine, located.document)
            except Broken:
                continue
            for subject in subjects:
                yield from self._judged(located, understood, subject)

    def _judged(self, located: Located[Rule], understood: Understood, subject: Subject) -> Iterator[Finding]:
        for key, expression in (("when", understood.when), ("require", understood.require)):
            try:
                answer = self.answer(expression, subject, understood)
            except NotEvaluated as why:
                yield _without_answer(located, subject, key, str(why))
                return
            if not answer:
                if key == "require":
                    yield _violation(located, subject)
                return

    def answer(self, expression: Expression, subject: Subject, rule: Understood) -> bool:
        """Whether an expression of a rule is true of a subject.

        Raises:
            NotEvaluated: it has no answer, or the steps of this check are used up.
        """
        for name in sorted(expression.names - subject.documents.keys()):
            raise NotEvaluated(subject.absent.get(name) or f"there is no {name}")
        data = {name: self._bind(subject.documents[name], rule.fields(name)) for name in expression.names}
        steps = expression.cost(data)
        self.steps -= steps if steps <= MOST_STEPS else 0  # one that takes more is not run
        if self.steps < 0:
            raise NotEvaluated(f"the rules of this check together may take more than {ALL_STEPS:,} steps")
        return expression.evaluate(data)

    def _bind(self, document: Document, fields: frozenset[str]) -> Bound:
        key = (id(document), fields)
        known = self.bound.get(key)
        if known is None:  # the document is kept beside it, so that its id stays its own
            computed = self.computed.get(id(document), (document, {}))[1]
            bound = self.engine.bind(document, fields, computed)
            known = self.bound[key] = (document, bound)
        return known[1]


def understand(engine: RuleEngine, rule: Rule) -> Understood:
    """Compile a rule.

    Raises:
        Broken: an expression is not understood, or a text has a placeholder that nothing fills.
    """
    found = []
    for key in ("when", "require"):
        try:
            found.append(engine.compile(getattr(rule, key), variables_for(rule.applies_to)))
        except NotUnderstood as why:
            raise Broken(key, why) from why
    for key in ("message", "remedy"):
        for match in PLACEHOLDER.finditer(getattr(rule, key)):
            if match[1] not in PLACEHOLDERS[rule.applies_to]:
                raise Broken(key, NotUnderstood(f"nothing fills {match[0]}", match.start()))
    return Understood(*found)


def _filled(text: str, words: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda match: words.get(match[1], match[0]), text)


def _violation(located: Located[Rule], subject: Subject) -> Finding:
    rule = located.document
    return Finding(
        rule.id,
        subject.place,
        _filled(rule.message, subject.words),
        f"{' '.join(rule.require.split())} ({located.path})",
        _filled(rule.remedy, subject.words),
        severity=Severity(rule.severity),
        environment=subject.environment,
    )


def _without_answer(located: Located[Rule], subject: Subject, key: str, why: str) -> Finding:
    rule = located.document
    return Finding(
        rule.id,
        subject.place,
        f"`{key}` of {located.path} has no answer for {subject.name}: {why}",
        f"an answer to: {' '.join(getattr(rule, key).split())}",
        f"write what is missing, or guard it in {located.path} with has(…) && …",
        severity=Severity(rule.severity),
        evaluated=False,
        environment=subject.environment,
    )
