"""`interlock rules test`: runs the examples that an organisation's own rules carry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from interlock.checking.own_rules import with_own_rules
from interlock.cli import exit_codes
from interlock.cli.options import DIRECTORY, json_option
from interlock.cli.terminal import error_text, print_json, say, warn
from interlock.documents.positions import Problem
from interlock.documents.snapshot import read_snapshot
from interlock.documents.tree import WorkingTree
from interlock.errors import InterlockError
from interlock.findings.readable import readable
from interlock.lifecycle.repository_root import repository_root
from interlock.rules.custom import not_understood
from interlock.rules.expressions.engine import INSTALL, RuleEngine
from interlock.rules.expressions.examples import run_examples
from interlock.rules.expressions.judging import Broken
from interlock.rules.facts import Facts

SCHEMA = "interlock-rules-test/1"
_WORDS = {"ok": "ok   ", "wrong": "WRONG", "none": "–    "}


@dataclass(frozen=True, slots=True)
class Line:
    """What came of one example, of a rule without any, or of a rule that cannot be understood."""

    rule: str
    state: str
    example: str
    told: str


@click.command(short_help="Run the examples that your own rules carry.")
@click.argument("path", type=DIRECTORY, default=Path(), metavar="[PATH]")
@json_option
def test(path: Path, as_json: bool) -> int:
    """Run the examples of the rules in policies/rules/ of the repository around PATH (default: here).

    Each rule carries examples: parts of documents, and whether the rule passes, fails or skips them. What an example
    does not give is filled in. Prints one line an example.

    \b
    Exit status:
      0  every example comes out as its author expects
      1  one does not, or a rule cannot be understood
      3  there is no example
      4  the library that understands the expressions is not installed

    \b
    Examples:
      interlock rules test
      interlock rules test ~/my-adapters --json
    """
    tree = WorkingTree(repository_root(path))
    facts = with_own_rules(tree, Facts(read_snapshot(tree), only=frozenset()))
    unreadable = [problem for problem in facts.snapshot.problems if problem.place.path.startswith("policies/rules/")]
    if facts.snapshot.rules and facts.engine is None:
        found = "the rules could not be tried: the library for expressions is not installed here"
        warn(error_text(InterlockError(found, remedy=INSTALL)))
        return exit_codes.COULD_NOT_EVALUATE
    lines = [*map(_unreadable, unreadable), *(_lines(facts, facts.engine) if facts.engine else ())]
    _print(lines, as_json)
    return _status(lines)


def _lines(facts: Facts, engine: RuleEngine) -> Iterator[Line]:
    for name, located in sorted(facts.snapshot.rules.items()):
        try:
            for outcome in run_examples(engine, located.document):
                why = f" ({outcome.why})" if outcome.why else ""
                told = (
                    outcome.came_out
                    if outcome.as_expected
                    else f"{outcome.came_out}{why}, not {outcome.example.expect}"
                )
                yield Line(name, "ok" if outcome.as_expected else "wrong", outcome.example.name, told)
        except Broken as broken:
            finding = not_understood(facts, located, broken)
            yield Line(name, "wrong", "", f"{finding.place}: {finding.found}")
        if not located.document.examples:
            yield Line(name, "none", "", f"no example in {located.path}")


def _unreadable(problem: Problem) -> Line:
    return Line(problem.place.path, "wrong", "", f"{problem.place}: {problem.found} [{problem.rule}]")


def _print(lines: list[Line], as_json: bool) -> None:
    if as_json:
        found = [{"rule": i.rule, "state": i.state, "example": i.example, "told": i.told} for i in lines]
        print_json({"schema": SCHEMA, "examples": found})
        return
    for line in lines:
        example = f"  {line.example}" if line.example else ""
        say(f"{_WORDS[line.state]} {readable(line.rule + example)}: {readable(line.told)}")
    states = [line.state for line in lines]
    say(f"{states.count('ok')} as expected, {states.count('wrong')} wrong")
    if states.count("ok") + states.count("wrong") == 0:
        say("NOTHING WAS TRIED. Next: add `examples:` to a rule in policies/rules/ (docs/custom-rules.md)")


def _status(lines: list[Line]) -> int:
    states = {line.state for line in lines}
    if "wrong" in states:
        return exit_codes.FINDINGS
    return exit_codes.CLEAN if "ok" in states else exit_codes.NOTHING_CHECKED
