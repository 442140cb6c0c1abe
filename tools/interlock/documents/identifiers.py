"""Names, revisions, digests and commits, each with a type of its own.

Standard library only: the routing middleware imports this module inside the engine's own environment.
Every parser here refuses what could be read differently by a person, a file system, a URL or an engine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NAME_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"
REVISION_PATTERN = r"^[a-z0-9](?:[a-z0-9.-]{0,30}[a-z0-9])?$"
DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"
COMMIT_PATTERN = r"^[0-9a-f]{40}$"

_NAME = re.compile(NAME_PATTERN)
_REVISION = re.compile(REVISION_PATTERN)
_DIGEST = re.compile(DIGEST_PATTERN)
_COMMIT = re.compile(COMMIT_PATTERN)
_SERVED_NAME = re.compile(r"^(?P<adapter>[a-z0-9-]+)@(?P<revision>[a-z0-9.-]+)-(?P<prefix>[0-9a-f]{12})$")

DIGEST_PREFIX_LENGTH = 12


class InvalidIdentifier(ValueError):
    """A name, revision, digest or commit is not well formed; `kind` says which, `expected` how it is written."""

    def __init__(self, message: str, *, kind: str = "", expected: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.expected = expected


def _matched(kind: str, pattern: re.Pattern[str], text: str, expected: str) -> str:
    # fullmatch, not match: `$` alone would accept a trailing newline.
    if not pattern.fullmatch(text) or ".." in text:
        raise InvalidIdentifier(f"{text!r} is not a valid {kind}: {expected}", kind=kind, expected=expected)
    return text


def adapter_name(text: str) -> str:
    """Return `text` if it may name an adapter, a base, an environment or a person's machine.

    Raises:
        InvalidIdentifier: anything but 1–63 lower-case letters, digits and inner hyphens.
    """
    return _matched("name", _NAME, text, "1 to 63 lower-case letters, digits and hyphens, no hyphen at an end")


def revision_name(text: str) -> str:
    """Return `text` if it may name a revision (`7`, `2026-05`, `1.2`).

    Raises:
        InvalidIdentifier: anything but 1–32 lower-case letters, digits, inner dots and hyphens; `..` is refused.
    """
    expected = "1 to 32 lower-case letters, digits, dots and hyphens, no dot or hyphen at an end, no '..'"
    return _matched("revision", _REVISION, text, expected)


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A SHA-256 digest in its text form `sha256:<64 hex>`."""

    text: str

    def __post_init__(self) -> None:
        _matched("digest", _DIGEST, self.text, "'sha256:' and 64 lower-case hexadecimal digits")

    @property
    def hex(self) -> str:
        """The 64 hexadecimal digits without the algorithm."""
        return self.text.removeprefix("sha256:")

    @property
    def prefix(self) -> str:
        """The first 12 hexadecimal digits, as they appear in served names."""
        return self.hex[:DIGEST_PREFIX_LENGTH]

    def __str__(self) -> str:
        return self.text


def commit_id(text: str) -> str:
    """Return `text` if it is a full 40-digit commit id.

    Raises:
        InvalidIdentifier: branch names, tags and abbreviated ids, which can move or become ambiguous.
    """
    return _matched("commit", _COMMIT, text, "40 lower-case hexadecimal digits, not a branch, tag or short id")


@dataclass(frozen=True, slots=True, order=True)
class RevisionId:
    """One immutable version of one adapter."""

    adapter: str
    revision: str

    def __str__(self) -> str:
        return f"{self.adapter}@{self.revision}"


@dataclass(frozen=True, slots=True, order=True)
class ServedName:
    """The name under which an engine knows one revision: `<adapter>@<revision>-<first 12 hex of its digest>`."""

    adapter: str
    revision: str
    digest_prefix: str

    @classmethod
    def of(cls, adapter: str, revision: str, digest: Digest) -> ServedName:
        """Build the served name of a revision from its artifact digest."""
        return cls(adapter_name(adapter), revision_name(revision), digest.prefix)

    @classmethod
    def parse(cls, text: str) -> ServedName:
        """Read a served name back.

        Raises:
            InvalidIdentifier: the text is not a served name (an alias, a base, or something made by hand).
        """
        match = _SERVED_NAME.fullmatch(text)
        if not match:
            raise InvalidIdentifier(f"{text!r} is not a served name: expected ADAPTER@REVISION-DIGEST12")
        return cls(adapter_name(match["adapter"]), revision_name(match["revision"]), match["prefix"])

    def __str__(self) -> str:
        return f"{self.adapter}@{self.revision}-{self.digest_prefix}"
