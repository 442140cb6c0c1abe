"""What keeps an expression small: constructs that can grow without bound are refused, and the steps are counted.

The library bounds the depth (32) and the iterations (10,000) of an expression, and neither its memory nor the work in
one iteration. Without text that is joined and lists that hold lists nothing can grow beyond what the documents hold,
so the most work follows from the tree and from the sizes of the data. Called by `google_cel`; pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from interlock.rules.expressions.checked_tree import LIST, OTHER, SCALAR, TEXT, Node
from interlock.rules.expressions.engine import NotUnderstood

LONGEST_EXPRESSION = 4_000
LONGEST_PATTERN = 200
MOST_STEPS = 2_000_000
"""Steps of one evaluation, about 50 nanoseconds each."""

_ADDS_NUMBERS = frozenset(
    [
        "add_int64",
        "add_uint64",
        "add_double",
        "add_timestamp_duration",
        "add_duration_timestamp",
        "add_duration_duration",
    ]
)
_HIDES_TYPES = frozenset({"dyn", "type"})
_SCANS_TEXT = frozenset({"contains", "startsWith", "endsWith", "size", "string", "bytes", "int", "double", "timestamp"})
_PATTERN_STEPS = 20_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the data is: the longest list (items) and the longest text (characters)."""

    items: int
    text: int


def refuse_unbounded(node: Node) -> None:
    """Raises `NotUnderstood` for the first construct whose work or memory cannot be bounded, or that hides a type."""
    if why := _unbounded(node):
        raise NotUnderstood(why, node.offset)
    for part in _written_parts(node):
        refuse_unbounded(part)


def _unbounded(node: Node) -> str:
    match node.kind:
        case "struct":
            return "maps and messages cannot be made in a rule; compare single fields"
        case "list" if node.parts and node.element not in (SCALAR, TEXT):
            return "a list in a rule holds single values of one type: no lists, documents or mixed values"
        case "select" if node.parts[0].dynamic:
            return f"what stands before .{node.name} may be anything, so it has no fields"
        case "comprehension" if _grown(node):
            return "map() in a rule makes single values: no lists or documents"
        case "call":
            return _unbounded_call(node)
    return ""


def _unbounded_call(node: Node) -> str:
    if node.name in _HIDES_TYPES:
        return f"{node.name}() hides the type of a field, so that a misspelt name would not be noticed"
    if node.name == "_+_" and not (node.overloads and set(node.overloads) <= _ADDS_NUMBERS):
        return "+ adds numbers, moments and durations; texts and lists are not joined in a rule"
    if node.name == "matches":
        pattern = node.parts[-1]
        if pattern.kind != "const" or len(pattern.name) > LONGEST_PATTERN:
            return f"the pattern of matches() is a text of at most {LONGEST_PATTERN} characters, written in the rule"
    return ""


def _written_parts(node: Node) -> Iterator[Node]:
    """The parts that a person wrote: of a macro that builds a list, the scaffolding is left out."""
    if node.kind != "comprehension":
        yield from node.parts
        return
    loop_range, start, condition, step, result = node.parts
    yield from (loop_range, condition, result)
    if start.kind != "list":
        yield from (start, step)
        return
    guard, added = _list_step(step)
    yield from (part for part in (guard, added) if part)


def _list_step(step: Node) -> tuple[Node | None, Node | None]:
    """Of `guard ? list + [added] : list` or `list + [added]`: the guard, and what is added."""
    guard = None
    if step.kind == "call" and step.name == "_?_:_":
        guard, step = step.parts[0], step.parts[1]
    if step.kind == "call" and step.name == "_+_" and step.parts[1].kind == "list" and len(step.parts[1].parts) == 1:
        return guard, step.parts[1].parts[0]
    raise NotUnderstood("a way to build lists that this version of Interlock does not know", step.offset)


def _grown(node: Node) -> bool:
    """Whether a macro builds a list of anything but single values; `filter` keeps what was there."""
    if node.parts[1].kind != "list":
        return False
    added = _list_step(node.parts[3])[1]
    assert added
    kept = added.kind == "ident" and added.name == node.iterates
    return not kept and added.type not in (SCALAR, TEXT)


def read_by(node: Node, bound: frozenset[str] = frozenset()) -> frozenset[tuple[str, str]]:
    """What an expression reads: variables with the field that is read of each, "" for the whole document.

    The variables of its own loops are left out.
    """
    if node.kind == "ident":
        return frozenset() if node.name in bound else frozenset({(node.name, "")})
    if node.kind == "select" and node.parts[0].kind == "ident" and node.parts[0].name not in bound:
        return frozenset({(node.parts[0].name, node.name)})
    if node.kind == "comprehension":
        inside = bound | {node.iterates, node.name}
        outer = read_by(node.parts[0], bound) | read_by(node.parts[1], bound)
        return outer.union(*(read_by(part, inside) for part in node.parts[2:]))
    return frozenset().union(*(read_by(part, bound) for part in node.parts))


def longest_literal(node: Node) -> Sizes:
    """The longest list and text that stand in the expression itself."""
    below = [longest_literal(part) for part in node.parts]
    items = len(node.parts) if node.kind == "list" else 0
    text = len(node.name) if node.kind == "const" else 0
    return Sizes(max([items, *(size.items for size in below)]), max([text, *(size.text for size in below)]))


def most_steps(node: Node, sizes: Sizes) -> int:
    """The most steps that an evaluation takes on data of these sizes."""
    parts = [most_steps(part, sizes) for part in node.parts]
    match node.kind:
        case "comprehension":
            loop_range, start, condition, step, result = parts
            return 1 + loop_range + start + sizes.items * (condition + step) + result
        case "call":
            return 1 + sum(parts) + _own_steps(node, sizes)
        case _:
            return 1 + sum(parts)


def _own_steps(node: Node, sizes: Sizes) -> int:
    text = 1 + sizes.text // 16
    whole = (1 + sizes.items) * text
    if node.name == "matches":
        return _PATTERN_STEPS + 10 * sizes.text
    if node.name == "@in":
        found = node.parts[1]
        return (len(found.parts) if found.kind == "list" else sizes.items) * text
    if node.name in ("_==_", "_!=_"):
        widest = {part.type for part in node.parts}
        return whole * (1 + sizes.items) if widest & {OTHER, LIST} else text if TEXT in widest else 0
    if node.name in _SCANS_TEXT or node.name in ("_<_", "_<=_", "_>_", "_>=_"):
        return text
    return 0
