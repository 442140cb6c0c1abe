"""Expressions of rules, generated from their grammar over the fields of our documents, and then damaged."""

from __future__ import annotations

from hypothesis import strategies as st

from interlock.rules.expressions.views import MODELS, Shape, shape_of

_LITERALS = (
    "true", "false", "0", "1", "-1", "7", "500 * 1024 * 1024", "9223372036854775807", "-9223372036854775808", "1u",
    "0.5", "1e308", "1.0 / 0.0",
    "'support-bot'", "''", "\"\\n\"", "'\\u202e'", "b'x'", "null", "[]", "[1, 2]", "['a', 1]", "[[1]]", "{}",
    "{'a': 1}", "duration('1h')",
    "duration('x')", "timestamp('2026-11-25T00:00:00Z')", "timestamp('x')", "r'^a+$'", "'(a+)+$'", "dyn(1)",
    "type(1)",
)  # fmt: skip
_WITHOUT_MEANING = (
    "(", ")", "[", "]", "{", "}", "'", '"', "\\", "?", ":", ".", "..", "&&", "||", "!", "-", "/", "%", "0x", "1e",
    "@", "#", "`", "$", "\x00", "\x1b[2J",
    "\ud800", "\u202e", "\U0001f600", "\n", "//", " in ", "has(", "not", "and", "'''", "r'", "b\"", "\\u",
    "9" * 40, "(" * 60, "!" * 60, "[" * 60,
)  # fmt: skip
_OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "&&", "||", "+", "-", "*", "/", "%", "in")
_FUNCTIONS = ("size", "string", "int", "uint", "double", "bool", "bytes", "dyn", "type", "duration", "timestamp", "has")
_METHODS = (
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "size",
    "getFullYear",
    "getSeconds",
    "lowerAscii",
    "nothing",
)
_LOOPED = ("x", "x == x", "x.path != ''", "x > 0", "x in [1]")
_MACROS = ("all", "exists", "exists_one", "map", "filter")


def _fields() -> dict[str, list[str]]:
    """Every field of every variable, as an expression writes it, by the kind of its type."""
    found: dict[str, list[str]] = {}
    waiting: list[tuple[str, Shape]] = [(name, Shape("record", model=model)) for name, model in MODELS.items()]
    while waiting:
        text, shape = waiting.pop()
        found.setdefault(shape.kind, []).append(text)
        if shape.model and text.count(".") < 4:
            waiting += [(f"{text}.{key}", below) for key, below in shape_of(shape.model).items()]
    return found


_FIELDS = _fields()
_ORDERED = {
    "string": ("'support-bot'", "''", "'\\u202e'", "string(7)"),
    "int": ("0", "7", "9223372036854775807", "size(revision.datasets)", "1 / 0", "int('x')", "7 % 0"),
    "double": ("0.5", "1.0 / 0.0", "1e308"),
    "timestamp": ("timestamp('2026-11-25T00:00:00Z')", "timestamp('x')", "change.day"),
    "duration": ("duration('1h')", "duration('x')", "duration('999999999h')"),
}
_OPINIONS = (
    "size({}) > 0", "{}.exists(x, true)", "{}.all(x, x == x)", "{} == {}", "{}.exists_one(x, x != x)",
    "size({}.filter(x, false)) == 0",
    "{}.all(x, {}.exists(y, x == y))", "{}.map(x, 1) == [1]", "{}[0] == {}[7]",
)  # fmt: skip


def _compared(kind: str) -> st.SearchStrategy[str]:
    sides = st.sampled_from([*_FIELDS.get(kind, ()), *_ORDERED[kind]])
    return st.builds("{} {} {}".format, sides, st.sampled_from(("==", "!=", "<", ">=")), sides)


def _about_a_list(text: str, opinion: str) -> str:
    return opinion.replace("{}", text)


_statements = st.one_of(
    *map(_compared, _ORDERED),
    st.sampled_from(_FIELDS["bool"]),
    st.builds(_about_a_list, st.sampled_from(_FIELDS["list"]), st.sampled_from(_OPINIONS)),
    st.builds(
        "has({})".format, st.sampled_from([field for fields in _FIELDS.values() for field in fields if "." in field])
    ),
    st.builds(
        "{}.{}({})".format,
        st.sampled_from(_FIELDS["string"]),
        st.sampled_from(_METHODS),
        st.sampled_from(("'a'", "'(a+)+$'")),
    ),
)
_sensible = st.recursive(
    _statements,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(("&&", "||", "==", "!=")), inner),
        st.builds("!({})".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
    ),
    max_leaves=5,
)
_leaves = st.one_of(*map(st.sampled_from, _FIELDS.values()), st.sampled_from(_LITERALS))


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(_OPERATORS), inner),
        st.builds("!({})".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("{}({})".format, st.sampled_from(_FUNCTIONS), inner),
        st.builds("{}.{}({})".format, inner, st.sampled_from(_METHODS), inner),
        st.builds(
            "{}.{}(x, {})".format,
            inner,
            st.sampled_from(_MACROS),
            inner | st.sampled_from(("x", "x == x", "x.path != ''")),
        ),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("has({}.{})".format, inner, st.sampled_from(("bias", "size", "nothing", "x"))),
    )


_grown = st.recursive(_leaves, _larger, max_leaves=6)
_asked = st.one_of(
    _sensible, _sensible, st.builds("({} == {})".format, _grown, _grown), st.builds("({}) || true".format, _grown)
)


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """An expression; every fourth is damaged."""
    text: str = draw(_asked)
    if draw(st.integers(0, 3)) == 0:
        begin = draw(st.integers(0, len(text)))
        text = text[:begin] + draw(st.sampled_from(_WITHOUT_MEANING)) + text[begin + draw(st.integers(0, 4)) :]
    return text
