"""What the environment of the engine says to the middleware, read once when the engine starts.

vLLM gives a middleware no arguments, so everything comes from variables: INTERLOCK_ROUTES, INTERLOCK_ADMIN_TOKEN or
INTERLOCK_ADMIN_TOKEN_FILE, INTERLOCK_MAX_BODY_BYTES, INTERLOCK_OPEN_PATHS, INTERLOCK_AGENT, INTERLOCK_HOLD_SECONDS,
INTERLOCK_HOLD_REQUESTS. A value that cannot be used stops the engine at its start, where somebody looks.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from interlock.errors import UsageError

ROUTES = "INTERLOCK_ROUTES"
ADMIN_TOKEN = "INTERLOCK_ADMIN_TOKEN"
ADMIN_TOKEN_FILE = "INTERLOCK_ADMIN_TOKEN_FILE"
MAX_BODY_BYTES = "INTERLOCK_MAX_BODY_BYTES"
OPEN_PATHS = "INTERLOCK_OPEN_PATHS"
AGENT = "INTERLOCK_AGENT"
HOLD_SECONDS = "INTERLOCK_HOLD_SECONDS"
HOLD_REQUESTS = "INTERLOCK_HOLD_REQUESTS"

DEFAULT_MAX_BODY_BYTES = 32 * 1024 * 1024
DEFAULT_HOLD_SECONDS = 30
DEFAULT_HOLD_REQUESTS = 256
MAX_TOKEN_BYTES = 4096

_AGENT_URL = re.compile(r"http://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})/?")


@dataclass(frozen=True, slots=True)
class AgentAddress:
    """Where the agent listens; `host` without the brackets of an IPv6 address."""

    host: str
    port: int

    @property
    def authority(self) -> str:
        """As the header `Host` wants it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class RoutingSettings:
    """`routes`: the path of the table; `token`: the agent's token, b"" when nobody may administer; `max_body_bytes`:
    the largest request body; `opened`: further paths that clients may POST to; `agent`: who loads what is not loaded
    yet; `hold_seconds` and `hold_requests`: how long, and how many requests of one process, may wait for that."""

    routes: Path | None = None
    token: bytes = field(default=b"", repr=False)
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    opened: frozenset[str] = frozenset()
    agent: AgentAddress | None = None
    hold_seconds: float = DEFAULT_HOLD_SECONDS
    hold_requests: int = DEFAULT_HOLD_REQUESTS

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
            max_body_bytes=_number(environment, MAX_BODY_BYTES, DEFAULT_MAX_BODY_BYTES, "bytes"),
            opened=_paths(environment.get(OPEN_PATHS, "")),
            agent=_agent(environment.get(AGENT, "")),
            hold_seconds=_number(environment, HOLD_SECONDS, DEFAULT_HOLD_SECONDS, "seconds"),
            hold_requests=_number(environment, HOLD_REQUESTS, DEFAULT_HOLD_REQUESTS, "requests"),
        )

    def is_agent(self, presented: bytes) -> bool:
        """Whether `presented` is the agent's token, compared in constant time; never when no token is configured."""
        return bool(self.token) and hmac.compare_digest(presented, self.token)

    @property
    def asks_agent(self) -> bool:
        """Whether the agent can be asked to load something: it takes no questions without the token."""
        return self.agent is not None and bool(self.token)


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


def _number(environment: Mapping[str, str], name: str, default: int, unit: str) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) > 0):
        raise UsageError(f"{name} is {text!r}", expected=f"a number of {unit}, such as {default}")
    return int(text)


def _agent(text: str) -> AgentAddress | None:
    if not text:
        return None
    found = _AGENT_URL.fullmatch(text)
    if found is None or not 0 < int(found[2]) < 65536:
        expected = "where the agent listens (`http.listen` in its settings), such as http://127.0.0.1:9187"
        raise UsageError(f"{AGENT} is {text!r}", expected=expected)
    return AgentAddress(found[1].strip("[]"), int(found[2]))


def _paths(text: str) -> frozenset[str]:
    paths = frozenset(part.strip() for part in text.split(",") if part.strip())
    for path in paths:
        if not path.startswith("/"):
            raise UsageError(f"{OPEN_PATHS} holds {path!r}", expected="paths that start with '/', separated by commas")
    return paths
