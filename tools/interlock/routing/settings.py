"""What the environment of the engine says to the middleware, read once when the engine starts.

vLLM gives a middleware no arguments, so everything comes from variables: INTERLOCK_ROUTES, INTERLOCK_ADMIN_TOKEN or
INTERLOCK_ADMIN_TOKEN_FILE, INTERLOCK_MAX_BODY_BYTES, INTERLOCK_OPEN_PATHS. A value that cannot be used stops the engine
at its start, where somebody looks.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from interlock.errors import UsageError

ROUTES = "INTERLOCK_ROUTES"
ADMIN_TOKEN = "INTERLOCK_ADMIN_TOKEN"
ADMIN_TOKEN_FILE = "INTERLOCK_ADMIN_TOKEN_FILE"
MAX_BODY_BYTES = "INTERLOCK_MAX_BODY_BYTES"
OPEN_PATHS = "INTERLOCK_OPEN_PATHS"

DEFAULT_MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_TOKEN_BYTES = 4096


@dataclass(frozen=True, slots=True)
class RoutingSettings:
    """`routes`: the path of the table; `token`: the agent's token, b"" when nobody may administer; `max_body_bytes`:
    the largest request body; `opened`: further paths that clients may POST to."""

    routes: Path | None = None
    token: bytes = field(default=b"", repr=False)
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    opened: frozenset[str] = frozenset()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> RoutingSettings:
        """Read the variables.

        Raises:
            UsageError: a value cannot be used.
        """
        routes = environment.get(ROUTES, "")
        return cls(
            routes=Path(routes) if routes else None,
            token=_token(environment),
            max_body_bytes=_bytes(environment.get(MAX_BODY_BYTES, "")),
            opened=_paths(environment.get(OPEN_PATHS, "")),
        )

    def is_agent(self, presented: bytes) -> bool:
        """Whether `presented` is the agent's token, compared in constant time; never when no token is configured."""
        return bool(self.token) and hmac.compare_digest(presented, self.token)


def _token(environment: Mapping[str, str]) -> bytes:
    token, path = environment.get(ADMIN_TOKEN, ""), environment.get(ADMIN_TOKEN_FILE, "")
    if token and path:
        raise UsageError(f"both {ADMIN_TOKEN} and {ADMIN_TOKEN_FILE} are set", remedy="set only one of them")
    return (_token_file(Path(path)) if path else token.encode("utf-8")).strip()


def _token_file(path: Path) -> bytes:
    remedy = f"let {ADMIN_TOKEN_FILE} name a file that holds the token and nothing else"
    try:
        with path.open("rb") as stream:
            token = stream.read(MAX_TOKEN_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path} ({ADMIN_TOKEN_FILE}): {error.strerror}", remedy=remedy) from error
    if not token.strip() or len(token) > MAX_TOKEN_BYTES:
        raise UsageError(f"{path} ({ADMIN_TOKEN_FILE}) is empty or larger than {MAX_TOKEN_BYTES} bytes", remedy=remedy)
    return token


def _bytes(text: str) -> int:
    if not text:
        return DEFAULT_MAX_BODY_BYTES
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) > 0):
        raise UsageError(f"{MAX_BODY_BYTES} is {text!r}", expected="a number of bytes, such as 33554432")
    return int(text)


def _paths(text: str) -> frozenset[str]:
    paths = frozenset(part.strip() for part in text.split(",") if part.strip())
    for path in paths:
        if not path.startswith("/"):
            raise UsageError(f"{OPEN_PATHS} holds {path!r}", expected="paths that start with '/', separated by commas")
    return paths
