"""Valid documents as values, changed in their structure, and written as YAML in more ways than a person would."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

Location = tuple[str | int, ...]


class Raw(str):
    """YAML that stands in the document as it is."""


class Pairs(list[tuple[Any, Any]]):
    """A mapping that may hold a key twice."""


_TEXTS = (
    "", " ", "x" * 300, "y" * 5000, "a\nb", "\ttab", "é", "e\u0301", "日本", "\U0001f600", "\u202eevil", "\u200b",
    "\x00", "\x1b[2J",
    "\ud800", "\ufeff", "../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "file:/dev/zero", "file:..",
    "file:", "file:.git",
    "--upload-pack=touch x", "-", "a/b", "a//b", "./a", "A", "a@b", "{}", "{0}", "%s", "${HOME}", "$(id)", "'",
    '"', "\\", "NaN",
    "sha256:", "sha256:" + "0" * 64, "sha512:" + "0" * 128, "0" * 40, "2026-02-30", "9999-12-31", "0001-01-01",
    "10000-01-01",
    "0d", "1d", "99999999999999999999d", "-1d", "1y", "24:00", "25:61", "Europe/Berlin", "../../etc/localtime",
    "mon", "(" * 60,
    "^(a+)+$", ".*", "[", "tiny-llama", "support-bot", "1", "2", "3", "9", "dev", "production", "alice", "kind",
    "BF16", "con", "nul",
)  # fmt: skip
_NUMBERS = (
    0,
    -0.0,
    -1,
    1,
    2,
    7,
    16,
    17,
    100,
    101,
    1e-320,
    0.1,
    1.5,
    1e308,
    -1e308,
    2**31,
    2**53 + 1,
    2**63,
    -(2**63),
    10**40,
    10**99,
)
_RAW = (
    "~", "yes", "no", "on", "010", "0o17", "0x1F", "1_000", "1e5", "1e999", ".inf", ".nan", "1:30", "2026-11-25",
    "2026-11-25T10:00:00Z",
    "2026-13-45", "&a x", "*a", "&a [*a]", "!!str 7", "!!binary aGk=", "!!python/object/apply:os.system [id]",
    "!local x", "!<tag:x,1> y",
    "!!set {a, b}", "!!omap []", "|\n      a\n      b", ">-\n      a\n      b", "[a, [b, {c: d}]]", "{a: b, a: c}",
    "{<<: {a: b}}", "[]", "{}",
    '"\\ud800"', '"\\x00"', '"\\e[2J"', '"\\N"', "'it''s'", "- a", "? a", "a: b", "<<", "=", "@x", "`x`", "%x",
    "[", "{", '"', "'", "]", "}",
    "=1", "{? a : b}", "{a}", "[a: b]", "[? a : b]", "1" * 101, "1" * 5000, "0x" + "f" * 200, "9" * 400 + ".0",
)  # fmt: skip
_KEYS = (
    "kind", "name", "active", "extra", "digest", "base", "r", "<<", "x" * 300, "", "é", "\u202e", "\x1b", "7",
    "true", "__class__", "a.b",
    "a[0]", "-", "model_config", "from", "from_", "self", "Kind",
)  # fmt: skip


def deep(levels: int) -> Raw:
    """Lists in lists, as many as given."""
    return Raw("[" * levels + "]" * levels)


hostile_values: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(_TEXTS),
    st.sampled_from(_NUMBERS),
    st.sampled_from(_RAW).map(Raw),
    st.sampled_from(
        (None, True, False, [], {}, [[]], [None], {"a": {}}, [1, "1", 1.0], ["a"] * 200, deep(63), deep(65), deep(3000))
    ),
    st.text(max_size=12),
    st.integers(),
    st.floats(),
)
_keys = st.one_of(st.sampled_from(_KEYS), st.text(max_size=6), st.sampled_from(_RAW).map(Raw))


@st.composite
def mutated(draw: st.DrawFn, documents: st.SearchStrategy[Mapping[str, Any]]) -> Any:
    """One of the documents with one to three changes of its structure."""
    value = copy.deepcopy(draw(documents))
    for _ in range(draw(st.integers(1, 3))):
        value = _changed(draw, value)
    return value


def _changed(draw: st.DrawFn, value: Any) -> Any:
    place = draw(st.sampled_from(locations(value)))
    old = at(value, place)
    change = draw(st.sampled_from(_CHANGES))
    return put(value, place, copy.deepcopy(change(draw, old, value)))


def _replace(draw: st.DrawFn, old: Any, whole: Any) -> Any:
    return draw(hostile_values)


def _take_from_elsewhere(draw: st.DrawFn, old: Any, whole: Any) -> Any:
    return copy.deepcopy(at(whole, draw(st.sampled_from(locations(whole)))))


def _wrap(draw: st.DrawFn, old: Any, whole: Any) -> Any:
    return draw(st.sampled_from(([old], {"a": old}, [old, old], [[old]], Raw(f"&a {json.dumps(old, default=str)}"))))


def _alter(draw: st.DrawFn, old: Any, whole: Any) -> Any:
    """A small change of the value itself."""
    if isinstance(old, bool) or old is None:
        return draw(st.sampled_from((not old, 0, 1, "true", None)))
    if isinstance(old, (int, float)):
        return draw(st.sampled_from((old + 1, old - 1, -old, old * 10, float(old), str(old))))
    if isinstance(old, str):
        where = draw(st.integers(0, len(old)))
        return draw(
            st.sampled_from((old[:where] + draw(st.text(max_size=2)) + old[where:], old[:where], old.upper(), Raw(old)))
        )
    return _alter_collection(draw, old)


def _alter_collection(draw: st.DrawFn, old: Any) -> Any:
    pairs = isinstance(old, (dict, Pairs))
    items: list[Any] = list(old.items() if isinstance(old, dict) else old)
    what = draw(st.sampled_from(("remove", "repeat", "add", "reverse", "rename")))
    where = draw(st.integers(0, max(0, len(items) - 1)))
    if what == "add":
        items.insert(where, (draw(_keys), draw(hostile_values)) if pairs else draw(hostile_values))
    elif items and what == "remove":
        del items[where]
    elif items and what == "repeat":
        items.insert(where, copy.deepcopy(items[where]))
    elif items and what == "rename" and pairs:
        items[where] = (draw(_keys), items[where][1])
    else:
        items.reverse()
    return Pairs(items) if pairs else items


_CHANGES: tuple[Callable[[st.DrawFn, Any, Any], Any], ...] = (_replace, _alter, _alter, _take_from_elsewhere, _wrap)


def locations(value: Any) -> list[Location]:
    """Where values stand, the whole document first."""
    found: list[Location] = [()]
    if isinstance(value, (dict, Pairs)):
        items: Any = enumerate(v for _, v in value) if isinstance(value, Pairs) else value.items()
        found += [(key, *rest) for key, inner in items for rest in locations(inner)]
    elif isinstance(value, list):
        found += [(index, *rest) for index, inner in enumerate(value[:20]) for rest in locations(inner)]
    return found


def at(value: Any, place: Location) -> Any:
    """The value at a location."""
    for step in place:
        value = value[int(step)][1] if isinstance(value, Pairs) else value[step]
    return value


def put(value: Any, place: Location, new: Any) -> Any:
    """The document with another value at a location."""
    if not place:
        return new
    inner = at(value, place[:-1])
    if isinstance(inner, Pairs):
        inner[int(place[-1])] = (inner[int(place[-1])][0], new)
    else:
        inner[place[-1]] = new
    return value


@st.composite
def texts(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> str:
    """A value written as YAML: blocks down to some depth, then brackets."""
    value = draw(values)
    blocks = draw(st.integers(0, 4))
    plain = draw(st.booleans())
    return "\n".join(block(value, blocks, plain)) + draw(st.sampled_from(("\n", "", "\n# end\n", "\n...\n")))


def block(value: Any, blocks: int, plain: bool) -> list[str]:
    """Lines of YAML; `plain` writes words without quotes."""
    if blocks and isinstance(value, (dict, Pairs)) and value:
        lines: list[str] = []
        for key, inner in value.items() if isinstance(value, dict) else value:
            below = block(inner, blocks - 1, plain)
            one = len(below) == 1 and not (isinstance(inner, (dict, Pairs, list)) and inner and blocks > 1)
            name = flow(key, plain)
            lines += [f"{name}: {below[0]}"] if one else [f"{name}:", *(f"  {line}" for line in below)]
        return lines
    if blocks and isinstance(value, list) and not isinstance(value, Pairs) and value:
        below_each = (block(inner, blocks - 1, plain) for inner in value)
        return [line for first, *rest in below_each for line in (f"- {first}", *(f"  {more}" for more in rest))]
    return [flow(value, plain)]


def flow(value: Any, plain: bool) -> str:
    """One value in brackets and quotes, as JSON but for raw pieces and repeated keys."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, (dict, Pairs)):
        items = value.items() if isinstance(value, dict) else value
        return "{" + ", ".join(f"{flow(key, plain)}: {flow(inner, plain)}" for key, inner in items) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(inner, plain) for inner in value) + "]"
    if plain and isinstance(value, str) and value.replace("-", "").replace("_", "").isalnum():
        return value
    return json.dumps(value, ensure_ascii=isinstance(value, str) and not value.isprintable())
