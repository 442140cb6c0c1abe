"""What each field expects, in plain words; problems.py calls it with the type and context of a validation error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.documents.addresses import HOST
from interlock.documents.identifiers import COMMIT_PATTERN, InvalidIdentifier

_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
}
_BOUNDS = {
    "greater_than_equal": "a number of at least {}",
    "greater_than": "a number above {}",
    "less_than_equal": "a number of at most {}",
    "less_than": "a number below {}",
    "string_too_short": "text that is not empty",
    "string_too_long": "text of at most {} characters",
}
_PATTERNS = {
    rf"^{HOST}$": "a host such as registry.example.com or registry.example.com:5000",
    rf"^(?:\*\.)?{HOST}$": "a host such as example.com, example.com:8443 or *.example.com",
    rf"^https?://{HOST}/?$": "an address such as https://minio.example.com:9000, without a path",
    rf"^https?://{HOST}(?:/[A-Za-z0-9._/-]*)?$": "an address such as https://huggingface.co",
    r"^[A-Z_][A-Z0-9_]{0,99}$": "the name of an environment variable",
    r"^([01][0-9]|2[0-3]):[0-5][0-9]$": "a time of day as HH:MM in quotes, from 00:00 to 23:59",
    r"^https?://[A-Za-z0-9.:\[\]-]+$": "an address such as http://127.0.0.1:8000, without a path",
    r"^[^\x00-\x1f]+$": "a path without control characters",
    COMMIT_PATTERN: "40 lower-case hexadecimal digits, not a branch, tag or short id",
}


def expected_words(error_type: str, context: Mapping[str, Any]) -> str:
    """Say what would have been right; empty where the error itself says what is wrong instead."""
    if error_type in _KINDS:
        return _KINDS[error_type]
    if error_type in _BOUNDS:
        return _BOUNDS[error_type].format(*(_number(bound) for key, bound in context.items() if key != "error"))
    if error_type in ("too_short", "too_long"):
        return _entries(error_type, context)
    if error_type == "literal_error":
        return str(context["expected"]).replace("'", "")
    if error_type == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"], f"text that matches {context['pattern']}")
    if error_type == "value_error":
        return _told(context["error"])
    return str(context.get("expected", ""))


def _entries(error_type: str, context: Mapping[str, Any]) -> str:
    if error_type == "too_short" and context["min_length"] == 1:
        return "a list of one entry or more"
    if error_type == "too_short":
        return f"a list of at least {context['min_length']} entries"
    return f"a list of at most {context['max_length']} entries"


def _number(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else str(bound)


def _told(error: ValueError) -> str:
    if isinstance(error, InvalidIdentifier):
        return error.expected
    text = str(error)
    if text.startswith("write it in quotes"):
        return "text"
    return text.removeprefix("expected ") if text.startswith("expected ") else ""
