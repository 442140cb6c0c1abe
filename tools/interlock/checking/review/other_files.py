"""What changes beside pointers: the values of environments, adapters and policies that differ, and the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from interlock.checking.review.words import plural
from interlock.documents.layout import classify
from interlock.documents.snapshot import Located, Snapshot
from interlock.findings.markdown_page import Block, Bullet, Bullets, Code, Line, Paragraph, Section, Table
from interlock.rules.change import Change, Touch

SHOWN_VALUES, SHOWN_FILES = 20, 12


def files_section(change: Change) -> Iterator[Section]:
    """What changes where it is no pointer."""
    paths = [path for path in change.touched if path not in change.pointer_paths]
    if not paths:
        return
    title = "What else changes" if change.pointer_paths else "What changes"
    yield Section(title, (*_values(change, paths), *_files(change, paths)))


def _values(change: Change, paths: list[str]) -> Iterator[Block]:
    rows = [row for path in paths for row in _differences(change, path)]
    if rows:
        yield Table(("File", "Key", "Before", "After"), tuple(rows[:SHOWN_VALUES]))
    if len(rows) > SHOWN_VALUES:
        yield Paragraph(f"{plural(len(rows) - SHOWN_VALUES, 'more value')} differ and are not shown.")


def _differences(change: Change, path: str) -> Iterator[tuple[Line, ...]]:
    before, after = _document(change.base, path), _document(change.head.snapshot, path)
    if before is None or after is None:
        return
    old, new = (dict(_flat(located.document.model_dump(mode="json", by_alias=True))) for located in (before, after))
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) != new.get(key):
            yield (Code(path), Code(key), _value(old.get(key)), _value(new.get(key)))


def _document(snapshot: Snapshot, path: str) -> Located[Any] | None:
    found = classify(path)
    kinds: Mapping[str, Mapping[str, Located[Any]]] = {
        "Environment": snapshot.environments,
        "Adapter": snapshot.adapters,
        "Policy": snapshot.policies,
        "Rule": snapshot.rules,
    }
    single: Mapping[str, Located[Any] | None] = {
        "Roster": snapshot.roster,
        "Waivers": snapshot.waivers,
        "Revocations": snapshot.revocations,
    }
    if found.kind in single:
        return single[found.kind]
    return kinds[found.kind].get(found.values[0]) if found.kind in kinds else None


def _flat(value: object, key: str = "") -> Iterator[tuple[str, object]]:
    """The leaves of a document by their path; an empty list or mapping is a leaf."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{key}[{index}]")
    elif value is not None:
        yield key, value


def _value(value: object) -> Line:
    return "–" if value is None or value in ([], {}) else Code(str(value))


def _files(change: Change, paths: list[str]) -> Iterator[Block]:
    told = [path for path in paths if not any(_differences(change, path))]
    if told:
        bullets = [Bullet((Code(path), f" {_WORDS[change.touched[path]]}")) for path in told[:SHOWN_FILES]]
        rest = len(told) - len(bullets)
        yield Bullets((*bullets, *((Bullet(f"{plural(rest, 'more file')}, not shown."),) if rest else ())))


_WORDS = {Touch.ADDED: "is new", Touch.CHANGED: "changes", Touch.REMOVED: "is removed"}
