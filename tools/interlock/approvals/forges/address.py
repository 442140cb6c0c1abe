"""Which repository on which forge, and which proposal of it, as a person writes it: `github:owner/name#12`.

Called by the command line. Refuses whatever could be read as another host, path or query of the API.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

ForgeKind = Literal["github", "gitlab", "forgejo"]

EXAMPLES = "github:owner/name#12, gitlab:https://git.example.com/group/name#12 or forgejo:https://host/owner/name#12"
_KINDS: dict[str, ForgeKind] = {"github": "github", "gitlab": "gitlab", "forgejo": "forgejo", "gitea": "forgejo"}
_HOSTS: dict[ForgeKind, str] = {"github": "https://github.com", "gitlab": "https://gitlab.com"}
_SEGMENT = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,254}")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9a-fA-F:.]{2,45}\]")
_MAX_LENGTH = 2000
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class ForgeAddress:
    """A repository on a forge, and perhaps one of its proposals by `number`.

    `server` is the forge's web address without a path, `path` is `owner/name`; on GitLab more groups may come
    before the name.
    """

    kind: ForgeKind
    server: str
    path: str
    number: int | None = None

    @property
    def is_public_service(self) -> bool:
        """Whether this is the forge's own public service, the one that a bare `owner/name` means."""
        return _HOSTS.get(self.kind) == self.server

    def __str__(self) -> str:
        where = self.path if self.is_public_service else f"{self.server}/{self.path}"
        return f"{self.kind}:{where}" + (f"#{self.number}" if self.number is not None else "")


def forge_address(text: str) -> ForgeAddress:
    """Read an address: `KIND:owner/name`, or `KIND:https://host/owner/name`, then `#NUMBER` (or `!NUMBER`) or nothing.

    Raises:
        ValueError: the text is none, with what was expected.
    """
    kind, colon, rest = text.partition(":")
    if not colon or kind not in _KINDS or len(text) > _MAX_LENGTH:
        raise ValueError(f"{text[:80]!r} is no address of a forge: write {EXAMPLES}")
    rest, number = _numbered(text, rest)
    server, path = _split(text, _KINDS[kind], rest)
    return ForgeAddress(_KINDS[kind], server, _path(text, _KINDS[kind], path), number)


def _numbered(text: str, rest: str) -> tuple[str, int | None]:
    before, mark, after = rest.partition("#") if "#" in rest else rest.partition("!")
    if not mark:
        return rest, None
    if not _NUMBER.fullmatch(after):
        raise ValueError(f"{text!r} names no proposal after {mark}: write its number, for example {before}#12")
    return before, int(after)


def _split(text: str, kind: ForgeKind, rest: str) -> tuple[str, str]:
    """The server and the path on it."""
    if "://" not in rest:
        if kind not in _HOSTS:
            raise ValueError(f"{text!r} names no server: write {kind}:https://HOST/{rest or 'owner/name'}")
        return _HOSTS[kind], rest
    try:
        parts = urlsplit(rest)
        port = parts.port
    except ValueError:
        raise ValueError(f"{text!r} holds no web address: write {EXAMPLES}") from None
    host = parts.hostname or ""
    bracketed = f"[{host}]" if ":" in host else host
    if "@" in parts.netloc or parts.query or parts.fragment or port == 0 or not _HOST.fullmatch(bracketed):
        raise ValueError(f"{text!r} holds more than a host and a path: secrets come from the environment only")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise ValueError(f"{text!r} is not an https address: a token would be sent where anybody can read it")
    return f"{parts.scheme}://{bracketed}" + (f":{port}" if port else ""), parts.path.strip("/")


def _path(text: str, kind: ForgeKind, path: str) -> str:
    segments = path.removesuffix(".git").split("/")
    fits = len(segments) == 2 or (kind == "gitlab" and 2 < len(segments) <= 21)
    if not fits or not all(_SEGMENT.fullmatch(segment) and segment.strip(".") for segment in segments):
        raise ValueError(f"{text!r} names no repository: write {EXAMPLES}")
    return "/".join(segments)
