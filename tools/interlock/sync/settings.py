"""A node's settings with every path made absolute and every secret read. Secrets are never printed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from interlock.artifacts.settings_files import read_secret, read_settings
from interlock.artifacts.sources import SourceAccess
from interlock.artifacts.sources.settings import access_of
from interlock.documents.identifiers import adapter_name
from interlock.documents.kinds.node import Node
from interlock.documents.kinds.receipts import ReceiptPush
from interlock.errors import UsageError
from interlock.findings.readable import readable
from interlock.sync.lazy import LazyLimits
from interlock.sync.traffic import Drain

NODE_NAME = "INTERLOCK_NODE_NAME"


@dataclass(frozen=True)
class PushPlace:
    """One place that receipts are copied to: a directory, or else an address of a git remote or of a web server."""

    directory: Path | None
    url: str = ""
    git: str = ""
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class NodeSettings:
    """What `interlock sync` needs to know; durations in seconds."""

    node: Node
    state: Path
    store: Path
    routes: Path
    base_directory: Path | None
    remote_token: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    admin_token: str = field(default="", repr=False)
    hook_secret: str = field(default="", repr=False)
    status_token: str = field(default="", repr=False)
    engine_admin_key: str = field(default="", repr=False)
    adapters_directory: Path | None = None
    directory: Path | None = None
    receipts_key: Path | None = None
    access: SourceAccess = field(default_factory=SourceAccess)
    receipts_to: tuple[PushPlace, ...] = ()

    @property
    def poll_seconds(self) -> float:
        """Time between two polls of the remote."""
        return self.node.remote.poll.total_seconds()

    @property
    def fresh_seconds(self) -> float:
        """How old the last successful poll may be: as the settings say, or five minutes, or three polls."""
        within = self.node.fresh_within
        return within.total_seconds() if within else max(300.0, 3 * self.poll_seconds)

    @property
    def drain_times(self) -> Drain:
        """How long an adapter stays loaded after the last route to it is gone."""
        return Drain(self.node.drain.total_seconds(), self.node.drain_limit.total_seconds())

    @property
    def lazy_limits(self) -> LazyLimits:
        """How many lazy adapters are loaded at once, and for how long each."""
        return LazyLimits(self.node.lazy.max, self.node.lazy.idle.total_seconds())


def load_settings(path: Path) -> NodeSettings:
    """Read a node's settings file.

    Secrets come from the files that it names, or else from INTERLOCK_REMOTE_TOKEN, INTERLOCK_ENGINE_API_KEY,
    INTERLOCK_ENGINE_ADMIN_KEY and INTERLOCK_ADMIN_TOKEN.

    Raises:
        UsageError: the file or one of its secrets cannot be read.
        DocumentError: the file is not a valid Node document.
    """
    node, state = load_node(path)
    home = _home(path)
    return NodeSettings(
        node=node,
        state=state,
        store=home / node.store if node.store else state / "adapters",
        routes=home / node.routes if node.routes else state / "routes.json",
        base_directory=home / node.engine.base_directory if node.engine.base_directory else None,
        remote_token=_secret(home, node.remote.token_file, "INTERLOCK_REMOTE_TOKEN"),
        api_key=_secret(home, node.engine.api_key_file, "INTERLOCK_ENGINE_API_KEY"),
        admin_token=_secret(home, node.engine.admin_token_file, "INTERLOCK_ADMIN_TOKEN"),
        hook_secret=_secret(home, node.http.hook_secret_file, "INTERLOCK_HOOK_SECRET") if node.http else "",
        status_token=_secret(home, node.http.token_file, "INTERLOCK_STATUS_TOKEN") if node.http else "",
        engine_admin_key=_secret(home, node.engine.admin_key_file, "INTERLOCK_ENGINE_ADMIN_KEY"),
        directory=home / node.remote.directory if node.remote.directory else None,
        access=access_of(node.sources, home),
        receipts_key=home / node.receipts.key_file if node.receipts.key_file else None,
        receipts_to=tuple(_place(home, place) for place in node.receipts.push),
        adapters_directory=home / node.engine.adapters_directory if node.engine.adapters_directory else None,
    )


def _place(home: Path, place: ReceiptPush) -> PushPlace:
    token = _secret(home, place.token_file, "") if place.token_file else ""
    return PushPlace(home / place.directory if place.directory else None, place.url or "", place.git or "", token)


def load_node(path: Path) -> tuple[Node, Path]:
    """The same without secrets: the document, and the node's state directory.

    Where many nodes share one file, INTERLOCK_NODE_NAME gives each its name.

    Raises:
        UsageError: the file cannot be read, or the name in the environment is none.
        DocumentError: the file is not a valid Node document.
    """
    node = read_settings(path, Node, what="a node's settings", page="docs/node.md")
    name = os.environ.get(NODE_NAME, "").strip()
    if name:
        try:
            node = node.model_copy(update={"name": adapter_name(name)})
        except ValueError as error:
            raise UsageError(f"{NODE_NAME} is {readable(name)}: {error}") from error
    return node, _home(path) / node.state


def _home(path: Path) -> Path:
    """Where relative paths begin: not where a link to the file itself leads, because mounted configuration is a link
    whose target changes.
    """
    return path.parent.resolve()


def _secret(home: Path, file: str | None, variable: str) -> str:
    return read_secret(home / file, variable=variable) if file else os.environ.get(variable, "").strip()
