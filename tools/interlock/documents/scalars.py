"""What an unquoted YAML scalar means; the YAML reader and the writer call it.

The YAML 1.2 core schema decides, and a scalar that YAML 1.1 readers (PyYAML, Ruby, Go's yaml.v2) read differently is
refused: `no` is false there and text here, `010` is 8 there and 10 here. A calendar day is text for both eyes, so
`2026-09-30` is accepted as text although YAML 1.1 makes a date object of it.
"""

from __future__ import annotations

import math
import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_SWITCHES = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"(?:[-+]?[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?")
_NON_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MAX_DIGITS = 100

_LEADING_ZERO = re.compile(r"([-+]?)0+([0-9]+)")
_EXPONENT = re.compile(r"([-+]?)([0-9]*)(?:\.([0-9]*))?[eE]([-+]?)([0-9]+)")
_SIGNED_POINT = re.compile(r"([-+])(\.[0-9]+(?:[eE][-+]?[0-9]+)?)")
_NUMBER_LIKE = re.compile(r"[-+]?(?:0x[0-9a-fA-F]*|0b[01]*|0o[0-7]*|[0-9]*\.?[0-9]*(?:[eE][-+]?[0-9]+)?)")
_OTHER_BASE = re.compile(r"[-+]?0b[01]+|[-+]?0o[0-7]+|[-+]0x[0-9a-fA-F]+")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}.*")


class AmbiguousScalar(ValueError):
    """Readers disagree about this scalar. `reason` says how, `instead` what to write for a value that is not text."""

    def __init__(self, reason: str, instead: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.instead = instead


class NonFiniteNumber(ValueError):
    """The scalar is an infinity or not a number."""


def resolve_plain(text: str) -> Scalar:
    """Return the value of an unquoted scalar.

    Raises:
        AmbiguousScalar: YAML 1.1 and YAML 1.2 read it differently, or a reader would lose digits.
        NonFiniteNumber: it is an infinity or not a number, written so or by its size.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "0123456789+-.":
        _refuse_ambiguous_word(text)
        return text
    if _NON_FINITE.fullmatch(text):
        raise NonFiniteNumber(text)
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return _float(text)
    _refuse_ambiguous_number(text)
    return text


def needs_quotes(text: str) -> bool:
    """Whether `text`, written without quotes, would be read as something else than this text."""
    try:
        return resolve_plain(text) != text
    except (AmbiguousScalar, NonFiniteNumber):
        return True


def _refuse_long(text: str) -> None:
    if len(text) > _MAX_DIGITS:
        raise AmbiguousScalar("a number this long loses digits in most readers")


def _integer(text: str) -> int:
    _refuse_long(text)
    return int(text, 16) if text.startswith("0x") else int(text)


def _float(text: str) -> float:
    _refuse_long(text)
    value = float(text)
    if not math.isfinite(value):
        raise NonFiniteNumber(text)
    return value


def _refuse_ambiguous_word(text: str) -> None:
    if text.startswith("?"):
        raise AmbiguousScalar("between brackets it is text to some YAML readers and a key to others")
    if len(text) > 3:
        return
    if text.lower() in _SWITCHES:
        meaning = _SWITCHES[text.lower()]
        raise AmbiguousScalar(f"it is {meaning} to some YAML readers and text to others", meaning)
    if text == "~":
        raise AmbiguousScalar("it is nothing to YAML readers and reads like text", "null")
    if text in ("=", "<<"):
        raise AmbiguousScalar("it has a special meaning to some YAML readers and is text to others")


def _refuse_ambiguous_number(text: str) -> None:
    if match := _LEADING_ZERO.fullmatch(text):
        raise AmbiguousScalar("some YAML readers read it in base 8, others in base 10", match[1] + match[2])
    if (match := _EXPONENT.fullmatch(text)) and (match[2] or match[3]):
        sign, whole, fraction, exponent_sign, exponent = (part or "" for part in match.groups())
        instead = f"{sign}{whole or '0'}.{fraction or '0'}e{exponent_sign or '+'}{exponent}"
        raise AmbiguousScalar("some YAML readers read a number, others text", instead)
    if match := _SIGNED_POINT.fullmatch(text):
        raise AmbiguousScalar("some YAML readers read a number, others text", f"{match[1]}0{match[2]}")
    digits = text.replace("_", "")
    if digits != text and _NUMBER_LIKE.fullmatch(digits):
        raise AmbiguousScalar("some YAML readers read a number, others text", digits)
    if _OTHER_BASE.fullmatch(text):
        raise AmbiguousScalar("some YAML readers read a number in another base, others text")
    if _SEXAGESIMAL.fullmatch(text):
        raise AmbiguousScalar("some YAML readers read a number in base 60, others text")
    if _TIMESTAMP.fullmatch(text):
        raise AmbiguousScalar("some YAML readers read a moment in time and convert it, others text")
