"""`interlock policy show`: the effective policy of an environment, each value with file and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from interlock.checking.clock import utc_today
from interlock.cli import exit_codes
from interlock.cli.options import NAME, json_option, repository_option
from interlock.cli.terminal import error_text, print_json, say, warn
from interlock.documents.snapshot import Snapshot, read_snapshot
from interlock.documents.tree import WorkingTree
from interlock.errors import HistoryError
from interlock.findings.readable import readable
from interlock.lifecycle.judged_tree import top_repository
from interlock.lifecycle.policy_view import View, policy_view
from interlock.lifecycle.repository_root import repository_root

SCHEMA = "interlock-policy/1"
NOTHING = "–"


@click.command(short_help="Show what decides about promotions into an environment.")
@click.argument("environment", type=NAME, metavar="ENV")
@click.option("--at", "revision", metavar="REV", help="Read a commit or branch instead of the files on disk.")
@json_option
@repository_option
def show(environment: str, revision: str | None, as_json: bool, directory: Path) -> int:
    """Show everything that decides about promotions into ENV, each value with the file and line that it comes from.

    Several policies may name one environment. Of two values the stricter one counts; where neither is the stricter
    one it is a conflict, which is shown with both places and never resolved. Then follow what environment.yaml
    declares, the people of the roles that approve, the waivers in force and your own rules. A pull request is judged
    by the side that it changes: `--at origin/main` shows that side. Needs no network.

    \b
    Exit status:
      0  shown
      1  policies contradict each other
      2  there is no such environment
      4  a document that decides cannot be read, so this view is not complete

    \b
    Examples:
      interlock policy show production
      interlock policy show production --at origin/main --json
    """
    try:
        view = policy_view(_snapshot(repository_root(directory), revision), environment, utc_today())
    except HistoryError as error:
        warn(error_text(error))
        return exit_codes.COULD_NOT_EVALUATE
    if as_json:
        print_json({"schema": SCHEMA, **view})
    else:
        for line in _lines(view):
            say(line)
    if view["unreadable"]:
        return exit_codes.COULD_NOT_EVALUATE
    return exit_codes.FINDINGS if view["conflicts"] else exit_codes.CLEAN


def _snapshot(root: Path, revision: str | None) -> Snapshot:
    if revision is None:
        return read_snapshot(WorkingTree(root))
    repository = top_repository(root)
    with repository.commit_tree(repository.resolve(revision)) as tree:
        return read_snapshot(tree)


def _lines(view: View) -> Iterator[str]:
    yield f"Promotions into {view['environment']}, by {readable(view['tree'])}"
    yield from _section(f"Policies ({', '.join(map(readable, view['policies'])) or 'none'})", _settings(view))
    yield from _section("The environment declares", _declared(view))
    yield from _section(
        "Who approves", ((r["role"], _text(r["people"]), "policies/roster.yaml") for r in view["roles"])
    )
    yield from _section("Waivers in force", map(_waiver, view["waivers"]))
    yield from _section("Your own rules", map(_rule, view["rules"]))
    for problem in view["unreadable"]:
        yield f"NOT COMPLETE: {readable(_place(problem))}: {readable(problem['found'])} [{problem['rule']}]"
    for key in view["conflicts"]:
        yield f"CONFLICT: {readable(key)}: nobody can say what counts. Next: interlock explain policy-conflict"


def _section(head: str, rows: Iterator[tuple[str, str, str]]) -> Iterator[str]:
    table = [tuple(map(readable, row)) for row in rows]
    yield ""
    yield head
    if not table:
        yield f"  {NOTHING}"
    keys, values = (max((len(row[column]) for row in table), default=0) for column in (0, 1))
    for key, value, place in table:
        yield f"  {key:<{keys}}  {value:<{min(values, 44)}}  {place}".rstrip()


def _settings(view: View) -> Iterator[tuple[str, str, str]]:
    for setting in view["settings"]:
        stated = setting["stated"]
        if len(stated) == 1:
            yield setting["key"], _text(setting["value"]), _place(stated[0])
            continue
        value = "CONFLICT" if setting["conflict"] else _text(setting["value"])
        yield setting["key"], value, setting["conflict"] or f"{setting['merged_by']} of"
        yield from (("", f"  {_text(item['value'])}", _place(item)) for item in stated)


def _declared(view: View) -> Iterator[tuple[str, str, str]]:
    for item in view["declared"]:
        yield item["key"], _text(item["value"]), "by default" if item["default"] else _place(item)


def _waiver(waiver: View) -> tuple[str, str, str]:
    words = f"{waiver['scope']} until {waiver['until']} by {waiver['approver']}: {waiver['reason']}"
    return waiver["rule"], words, _place(waiver)


def _rule(rule: View) -> tuple[str, str, str]:
    return rule["id"], f"{rule['severity']}, judges a {rule['applies_to']}", _place(rule)


def _place(item: View) -> str:
    return f"{item['path']}:{item['line']}" if item["line"] else str(item["path"])


def _text(value: Any) -> str:
    """A value on one line."""
    if value is None or value == []:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ("; " if any(isinstance(item, Mapping) for item in value) else ", ").join(map(_text, value))
    return str(value)
