"""`interlock explain`: what a rule looks for, why, what to do, and examples that it refuses and accepts."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import click

from interlock.cli import exit_codes
from interlock.cli.explain_custom import as_document, as_lines, own_rules_here
from interlock.cli.explained_commands import BY_A_COMMAND
from interlock.cli.options import json_option
from interlock.cli.terminal import print_json, say
from interlock.documents.kinds.policy import Rule
from interlock.documents.snapshot import Located
from interlock.errors import UsageError
from interlock.rules.catalogue import catalogue
from interlock.rules.edit_words import Shown
from interlock.rules.example import read_example
from interlock.rules.page import GROUND, Page, excerpt, page_of
from interlock.rules.pages import by_family

SCHEMA = "interlock-explain/1"
WIDTH = 100


@click.command(short_help="Say what a finding means and how to put it right.")
@click.argument("rule", metavar="[ID]", required=False)
@json_option
def explain(rule: str | None, as_json: bool) -> int:
    """Explain the rule ID: the word in brackets at the end of a finding of `interlock check`.

    Says what goes wrong when the flaw is let through, what to do about it, and shows an example that is refused, with
    what the checker says of it, and one that is accepted. Without ID, lists every rule by family. Needs no repository;
    inside one, it also explains the rules of policies/rules/.

    \b
    Examples:
      interlock explain over-max-loras
      interlock explain
      interlock explain digest-mismatch --json
    """
    if rule is None:
        _list(as_json)
    else:
        _one(rule.strip("[]"), as_json)
    return exit_codes.CLEAN


def _list(as_json: bool) -> None:
    if as_json:
        known = [{"id": rule.id, "title": rule.title, "family": rule.family} for rule in catalogue().values()]
        print_json({"schema": SCHEMA, "rules": known})
        return
    width = max(map(len, catalogue()))
    for family, rules in by_family():
        say(family)
        for rule in rules:
            say(f"  {rule.id:<{width}}  {rule.title}")
        say()
    say("Next: interlock explain ID")


def _one(rule: str, as_json: bool) -> None:
    if rule in BY_A_COMMAND:
        _by_a_command(rule, as_json)
        return
    known = catalogue().get(rule)
    if known is None:
        own = own_rules_here()
        if rule in own:
            _own(own[rule], as_json)
            return
        near = difflib.get_close_matches(rule, [*catalogue(), *own], n=3)
        raise UsageError(
            f"there is no rule {rule}",
            expected=f"one of the nearest: {', '.join(near)}" if near else "the word in brackets at a finding's end",
            remedy=f"run: interlock explain {near[0]}" if near else "run: interlock explain (lists every rule)",
        )
    page = page_of(known, read_example(rule))
    if as_json:
        print_json({"schema": SCHEMA, **asdict(page)})
    else:
        for line in _lines(page):
            say(line)


def _own(located: Located[Rule], as_json: bool) -> None:
    if as_json:
        print_json({"schema": SCHEMA, **as_document(located)})
        return
    for line in as_lines(located):
        say(line)


def _by_a_command(rule: str, as_json: bool) -> None:
    title, remedy = BY_A_COMMAND[rule]
    if as_json:
        print_json({"schema": SCHEMA, "id": rule, "title": title, "remedy": remedy})
        return
    for line in (f"{rule}: {title}", "", *_paragraph("What to do", remedy)):
        say(line)


def _lines(page: Page) -> Iterator[str]:
    yield from (f"{page.id}: {page.title}", "")
    yield from _paragraph("Why", page.why)
    yield from _paragraph("What to do", page.remedy)
    facts = {"Judged on": page.judged_on, "Counts as": page.severity, "Waiver": page.waiver, "Family": page.family}
    yield from (f"{name + ':':<12}{value}" for name, value in facts.items())
    yield from ("", f"Refused. {page.caption}", "")
    yield from _edits("What stands already:", page.given)
    yield from _edits("What is proposed:" if page.given else "", page.failing)
    yield from ("The checker says:", "", *(f"    {line}".rstrip() for line in page.printed.split("\n")), "")
    yield from ("Accepted.", "")
    yield from _edits("What is proposed on the same ground:" if page.given else "", page.passing)
    yield from click.wrap_text(GROUND, width=WIDTH).split("\n")


def _paragraph(head: str, text: str) -> Iterator[str]:
    yield from (*click.wrap_text(f"{head}. {text}", width=WIDTH).split("\n"), "")


def _edits(head: str, edits: Sequence[Shown]) -> Iterator[str]:
    """What an example does to the files, one edit a paragraph."""
    if head and edits:
        yield from (head, "")
    for edit in edits:
        yield f"  {edit.sentence}{':' if edit.lines else ''}"
        yield from (f"    {line}".rstrip() for line in (excerpt(edit.lines) if edit.lines else ()))
        yield ""
