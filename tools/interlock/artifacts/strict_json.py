"""JSON objects read strictly: what two readers could understand differently, or what costs too much, is refused.

Used for the header of safetensors files, `adapter_config.json` and the files of a base.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from interlock.errors import ArtifactCorrupt

MAX_VALUES = 1_000_000


def read_object(data: bytes, label: str, *, parse_int: Callable[[str], Any] = int) -> dict[str, Any]:
    """Return the JSON object that `data` holds; `label` names the place in messages.

    `parse_int` reads each whole number and may raise ValueError.

    Raises:
        ArtifactCorrupt: not UTF-8, not JSON, not an object, a repeated key, NaN or Infinity, text that is no Unicode,
            more than `MAX_VALUES` values, or nested too deeply to be read.
    """
    # Every value comes after one of these, so this bounds the memory before anything is parsed.
    if sum(data.count(mark) for mark in (b",", b"[", b"{")) > MAX_VALUES:
        raise _refused(label, "it holds too many values", f"at most {MAX_VALUES} values")
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_int=parse_int,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
        if b"\\u" in data:  # an escape can spell half a surrogate pair, which is no text
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError as error:
        raise _refused(label, f"it is not UTF-8 text: {error}", "UTF-8 text") from error
    except RecursionError as error:
        raise _refused(label, "it is nested too deeply", "a flat JSON object") from error
    except ValueError as error:
        raise _refused(label, str(error), "a JSON object without repeated keys") from error
    if not isinstance(value, dict):
        raise _refused(label, f"it holds a {type(value).__name__}", "a JSON object")
    return value


def _refused(label: str, why: str, expected: str) -> ArtifactCorrupt:
    return ArtifactCorrupt(f"{label} cannot be read: {why}", expected=expected)


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a number in JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        repeated = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {repeated!r} is there twice")
    return value
