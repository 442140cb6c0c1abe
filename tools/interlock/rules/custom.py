"""An organisation's own rules (`policies/rules/`): whether they can be judged by, and what they find in a tree.

The findings of `RULES` are about the rule files and are never set aside, nor excused because they stood before: a
rule that cannot judge must not look like one that found nothing. What the rules themselves find has their own ids,
family `custom`.
"""

from __future__ import annotations

from collections.abc import Iterator

from interlock.documents.kinds.policy import Rule as OwnRule
from interlock.documents.snapshot import Located, Snapshot
from interlock.findings.finding import Finding, Severity
from interlock.rules.expressions.engine import INSTALL
from interlock.rules.expressions.examples import Outcome, run_examples
from interlock.rules.expressions.judging import PLACEHOLDERS, Broken, Judge, understand
from interlock.rules.expressions.source_place import place_in_source
from interlock.rules.expressions.subjects import environment_subjects, pointer_subjects, revision_subjects
from interlock.rules.expressions.views import VARIABLES
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule

FAMILY = "rules"
CANNOT_JUDGE = frozenset({"rule-not-understood", "rule-engine-missing", "rule-id-taken"})
"""Findings that say that a rule is not applied: they block whether or not they stood before a change."""


def judged(facts: Facts) -> Iterator[Finding]:
    """What the organisation's own rules about trees find."""
    engine = facts.engine
    if engine is None:
        return
    judge = Judge(engine)
    subjects_of = {"revision": revision_subjects, "pointer": pointer_subjects, "environment": environment_subjects}
    for applies_to, subjects in subjects_of.items():
        rules = [rule for rule in own_rules(facts.snapshot) if rule.document.applies_to == applies_to]
        if rules:
            yield from judge.findings(rules, list(subjects(facts)))


def own_rules(snapshot: Snapshot) -> Iterator[Located[OwnRule]]:
    """The organisation's own rules that have an id of their own, by id."""
    taken = _built_in()
    return (located for name, located in sorted(snapshot.rules.items()) if name not in taken)


def _built_in() -> frozenset[str]:
    # Not at the top: the catalogue lists this family too.
    from interlock.rules.catalogue import catalogue

    return frozenset(catalogue())


def engine_missing(located: Located[OwnRule]) -> Finding:
    """That a rule could not be judged by, because the library is not installed here."""
    return Finding(
        "rule-engine-missing",
        located.place("id"),
        f"the rule {located.document.id} could not be judged: the library for expressions is not installed here",
        "Interlock installed with its 'rules' extra, wherever rules of your own are judged",
        INSTALL,
        evaluated=False,
    )


def rule_engine_missing(facts: Facts) -> Iterator[Finding]:
    """There are rules, and nothing here that understands them."""
    if facts.engine is None:
        yield from (engine_missing(located) for _, located in sorted(facts.snapshot.rules.items()))


def rule_id_taken(facts: Facts) -> Iterator[Finding]:
    """A rule has the id of a built-in one, so a finding or a waiver could mean either."""
    taken = _built_in()
    for name, located in facts.snapshot.rules.items():
        if name in taken:
            yield Finding(
                "rule-id-taken",
                located.place("id"),
                f"{name} is the id of a rule of Interlock's own",
                "an id that no other rule has",
                "rename the file and its `id`, for example with the name of your team in front",
            )


def rule_not_understood(facts: Facts) -> Iterator[Finding]:
    """An expression or a message that cannot be understood, at the line and column in the rule's file."""
    for located in facts.snapshot.rules.values() if facts.engine else ():
        assert facts.engine
        try:
            understand(facts.engine, located.document)
        except Broken as broken:
            yield not_understood(facts, located, broken)


def not_understood(facts: Facts, located: Located[OwnRule], broken: Broken) -> Finding:
    """What is wrong with a rule that cannot be judged by, at its line and column."""
    return Finding(
        "rule-not-understood",
        place_in_source(facts.rule_texts.get(located.path, ""), located, broken.key, broken.why.offset),
        f"`{broken.key}` cannot be understood: {broken.why.found}",
        _expected(located.document, broken.key),
        f"correct `{broken.key}`; docs/custom-rules.md lists every field; then run: interlock rules test",
    )


def _expected(rule: OwnRule, key: str) -> str:
    if key in ("when", "require"):
        names = ", ".join(VARIABLES[rule.applies_to])
        return f"a CEL expression that is true or false, over the variables of a {rule.applies_to}: {names}"
    return f"only {', '.join('{' + name + '}' for name in PLACEHOLDERS[rule.applies_to])}"


def rule_without_example(facts: Facts) -> Iterator[Finding]:
    """A rule that nobody has shown to refuse anything."""
    for located in facts.snapshot.rules.values():
        if not located.document.examples:
            yield Finding(
                "rule-without-example",
                located.place("id"),
                f"{located.document.id} has no example",
                "`examples:` with a name, what is given, and whether that shall pass, fail or be skipped",
                f"add one that passes and one that fails to {located.path}; then run: interlock rules test",
                severity=Severity.WARNING,
            )


def rule_example_wrong(facts: Facts) -> Iterator[Finding]:
    """A rule says something else of its own example than its author expects."""
    judge = Judge(facts.engine) if facts.engine else None
    for located in facts.snapshot.rules.values() if judge else ():
        assert judge
        try:
            outcomes = [f for f in run_examples(judge.engine, located.document, judge) if not f.as_expected]
        except Broken:
            continue  # a finding of its own
        yield from (_wrong(located, outcome) for outcome in outcomes)


def _wrong(located: Located[OwnRule], outcome: Outcome) -> Finding:
    why = f" ({outcome.why})" if outcome.why else ""
    return Finding(
        "rule-example-wrong",
        located.place("examples", outcome.index, "expect"),
        f"the example “{outcome.example.name}” comes out as {outcome.came_out}{why}",
        f"{outcome.example.expect}, as the rule's author expects",
        "correct the expressions or the example; then run: interlock rules test",
    )


RULES = (
    Rule(
        "rule-engine-missing",
        "Rules of your own cannot be judged here",
        "A rule that is silently skipped on one machine lets through there what it refuses everywhere else.",
        "Install Interlock with its `rules` extra.",
        FAMILY,
        rule_engine_missing,
    ),
    Rule(
        "rule-not-understood",
        "A rule of your own cannot be understood",
        "A misspelt field would be false for ever, and the rule would never refuse anything.",
        "Correct the expression at the place that the finding names.",
        FAMILY,
        rule_not_understood,
    ),
    Rule(
        "rule-id-taken",
        "A rule of your own has the id of a built-in one",
        "Nobody could tell whose finding it is, and a waiver for one would set both aside.",
        "Give your rule an id of its own.",
        FAMILY,
        rule_id_taken,
    ),
    Rule(
        "rule-without-example",
        "A rule of your own has no example",
        "A rule that nobody ever saw refuse something may never refuse anything.",
        "Add an example that passes and one that fails.",
        FAMILY,
        rule_without_example,
    ),
    Rule(
        "rule-example-wrong",
        "A rule of your own contradicts its example",
        "The rule does something else than what its author and its reviewers believe.",
        "Correct the rule, or the example.",
        FAMILY,
        rule_example_wrong,
    ),
)
