"""Where an engine answers and with which secrets: what `open_engine` needs to know.

Built by the agent and the demo from the node's settings. Refuses an address that is not a plain http(s) base URL, and
never shows its secrets in `repr`, so they cannot reach a log by accident.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from interlock.errors import UsageError


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """An engine's base URL, its keys and how long to wait for it.

    `api_key` is the engine's own key (sent as a Bearer token, "" for none), `admin_key` the one that it wants for
    loads and unloads where that is another, `admin_token` the agent's token for the routing middleware (header
    `X-Interlock-Token`, "" for none). `routing_url` is where the middleware answers when that is not the engine itself
    ("" when it is). `adapters_directory` is where adapters are published for an engine that reads a directory.
    `timeout_s` bounds every call in seconds from its start to its last byte, `load_timeout_s` the loading of one
    adapter.
    """

    url: str
    api_key: str = field(default="", repr=False)
    admin_token: str = field(default="", repr=False)
    timeout_s: float = 10.0
    load_timeout_s: float = 120.0
    _: KW_ONLY
    admin_key: str = field(default="", repr=False)
    routing_url: str = ""
    adapters_directory: Path | None = None

    def __post_init__(self) -> None:
        """Raises UsageError unless the URL is http(s)://host[:port][/path] and the times are positive."""
        for url in (self.url, self.routing_url or self.url):
            _refuse_bad_url(url)
        if self.timeout_s <= 0 or self.load_timeout_s <= 0:
            raise UsageError(
                f"the time to wait for the engine at {self.url} is {self.timeout_s:g} s, {self.load_timeout_s:g} s for"
                " a load",
                expected="a positive number of seconds",
            )
        for secret in (self.api_key, self.admin_token, self.admin_key):
            if not (secret.isascii() and secret.isprintable()):
                raise UsageError(
                    f"a key for the engine at {self.url} holds characters that no HTTP header can carry",
                    expected="printable ASCII without line ends; a key file must not end with a blank line",
                )


def _refuse_bad_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise UsageError(f"the engine's address {url!r} is not a URL", expected="like http://127.0.0.1:8000") from None
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"the engine's address for host {parts.hostname} contains a user or a password",
            expected="an address without secrets; keys are settings of their own",
            remedy="set the engine's key as its api key instead",
        )
    if not usable or parts.query or parts.fragment:
        raise UsageError(f"the engine's address is {url!r}", expected="http(s)://host:port, like http://127.0.0.1:8000")
