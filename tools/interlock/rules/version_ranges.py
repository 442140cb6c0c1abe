"""Version ranges such as `>=0.28,<0.40`: read strictly, and asked whether any version lies in them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

Version = tuple[int, int, int, int]
_PART = re.compile(r"\s*(>=|<=|==|!=|~=|>|<)\s*v?(\d{1,6}(?:\.\d{1,6}){0,3})(\.\*)?\s*")
_VERSION = re.compile(r"v?(\d{1,6}(?:\.\d{1,6})*)(?:[-_.]?(a|b|c|rc|alpha|beta|pre|dev)[-_.]?\d*)?", re.IGNORECASE)
_LAST: Version = (1_000_000,) * 4  # beyond every version that can be written


class UnreadableRange(ValueError):
    """A text is no version range."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The versions from `low` to `high`; an excluded end is not one of them."""

    low: Version = (0, 0, 0, 0)
    low_excluded: bool = False
    high: Version = _LAST
    high_excluded: bool = False

    def within(self, other: _Bounds) -> _Bounds:
        """The versions that lie in both."""
        low = max((self.low, self.low_excluded), (other.low, other.low_excluded))
        high = min((self.high, not self.high_excluded), (other.high, not other.high_excluded))
        return _Bounds(*low, high[0], not high[1])

    @property
    def empty(self) -> bool:
        """Whether no version lies between them."""
        return self.low > self.high or (self.low == self.high and (self.low_excluded or self.high_excluded))


def is_empty(specifier: str) -> bool:
    """Whether no version at all is in a range.

    Raises:
        UnreadableRange: the text is not a list of comparisons with versions.
    """
    bounds, excluded = _Bounds(), set()
    for part in specifier.split(","):
        match = _PART.fullmatch(part)
        if not match or (match[3] and match[1] not in ("==", "!=")):
            raise UnreadableRange(part.strip() or "nothing between commas")
        if match[1] == "!=":
            excluded.add((_padded(match[2]), bool(match[3])))
        else:
            bounds = bounds.within(_bounds(match[1], match[2], any_below=bool(match[3])))
    return bounds.empty or (bounds.low == bounds.high and (bounds.low, False) in excluded)


def allows(specifier: str, version: str) -> bool:
    """Whether a range allows a version as an engine reports it: `0.32.0`, `0.32.0+cpu`, `0.33.0rc1`.

    What stands behind a plus is ignored; a pre-release comes before the version that it leads to.

    Raises:
        UnreadableRange: one of the two cannot be read.
    """
    match = _VERSION.match(version)
    if not match:
        raise UnreadableRange(version)
    number = ".".join(match[1].split(".")[:4])
    if is_empty(f"{specifier},=={number}"):
        return False
    return not match[2] or not is_empty(f"{specifier},<{number}")


def _bounds(comparison: str, text: str, *, any_below: bool) -> _Bounds:
    version = _padded(text)
    match comparison:
        case ">=" | ">":
            return _Bounds(low=version, low_excluded=comparison == ">")
        case "<=" | "<":
            return _Bounds(high=version, high_excluded=comparison == "<")
        case "~=":
            return _Bounds(version, False, _next(text.rpartition(".")[0] or text), True)
        case _ if any_below:
            return _Bounds(version, False, _next(text), True)
        case _:
            return _Bounds(low=version, high=version)


def _padded(text: str) -> Version:
    numbers = [int(number) for number in text.split(".")]
    first, second, third, fourth = (*numbers, 0, 0, 0, 0)[:4]
    return first, second, third, fourth


def _next(text: str) -> Version:
    """The first version after everything that begins with `text`."""
    head, _, last = text.rpartition(".")
    return _padded(f"{head}.{int(last) + 1}" if head else str(int(last) + 1))
