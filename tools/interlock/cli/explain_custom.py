"""What `interlock explain` says of a rule of the repository that one stands in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from interlock.documents.kinds.policy import Rule
from interlock.documents.snapshot import Located, read_snapshot
from interlock.documents.tree import WorkingTree
from interlock.errors import UsageError
from interlock.findings.readable import readable
from interlock.lifecycle.repository_root import repository_root


def own_rules_here() -> Mapping[str, Located[Rule]]:
    """The rules of the repository around the working directory; none where there is no repository."""
    try:
        return read_snapshot(WorkingTree(repository_root(Path()))).rules
    except UsageError:
        return {}


def as_document(located: Located[Rule]) -> dict[str, Any]:
    """The rule for programs."""
    return {"family": "custom", "path": located.path, **located.document.model_dump(mode="json", exclude={"kind"})}


def as_lines(located: Located[Rule]) -> Iterator[str]:
    """The rule for people."""
    rule = located.document
    yield from (f"{rule.id}: a rule of this repository ({readable(located.path)})", "")
    for name, text in (("Says", rule.message), ("What to do", rule.remedy)):
        yield from _block(name, text)
    yield from (f"Judged on:  a {rule.applies_to}", f"Counts as:  {rule.severity}", "")
    for name, text in (("It counts where", rule.when), ("There it requires", rule.require)):
        yield from _block(name, text)
    for example in rule.examples:
        yield from (f"Example, {example.expect}: {readable(example.name)}", *_given(example.given), "")
    if not rule.examples:
        yield from ("It has no example.", "")
    yield "How to write rules: docs/custom-rules.md. Its examples run with: interlock rules test"


def _block(name: str, text: str) -> Iterator[str]:
    yield f"{name}:"
    yield from (f"    {readable(line)}".rstrip() for line in text.rstrip("\n").split("\n"))
    yield ""


def _given(values: Mapping[str, Any], indent: int = 4) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield f"{' ' * indent}{readable(key)}:"
            yield from _given(value, indent + 2)
        else:
            yield f"{' ' * indent}{readable(f'{key}: {value}')}"
