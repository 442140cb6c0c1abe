"""A node's settings with every path made absolute and every secret read. Secrets are never printed."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from interlock.artifacts.durable import read_bounded
from interlock.documents.kinds.node import Node
from interlock.documents.positions import Problem
from interlock.documents.problems import problems_of
from interlock.documents.yaml_reader import UnreadableDocument, read_yaml
from interlock.errors import DocumentError, UsageError

MAX_SETTINGS_BYTES = 1 << 20
MAX_SECRET_BYTES = 16 * 1024


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
    receipts_key: Path | None = None

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
    def drain_seconds(self) -> float:
        """How long an adapter stays loaded after the last route to it is gone."""
        return self.node.drain.total_seconds()


def load_settings(path: Path) -> NodeSettings:
    """Read a node's settings file.

    Secrets come from the files that it names, or else from INTERLOCK_REMOTE_TOKEN, INTERLOCK_ENGINE_API_KEY,
    INTERLOCK_ENGINE_ADMIN_KEY and INTERLOCK_ADMIN_TOKEN.

    Raises:
        UsageError: the file or one of its secrets cannot be read.
        DocumentError: the file is not a valid Node document.
    """
    node = _node(path)
    # Not where a link to the file itself leads: mounted configuration is a link whose target changes.
    home = path.parent.resolve()
    state = home / node.state
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
        receipts_key=home / node.receipts.key_file if node.receipts.key_file else None,
        adapters_directory=home / node.engine.adapters_directory if node.engine.adapters_directory else None,
    )


def _node(path: Path) -> Node:
    data = read_bounded(path, limit=MAX_SETTINGS_BYTES)
    if data is None:
        raise UsageError(f"there is no file {path}", expected="a node's settings", remedy="see docs/node.md for one")
    try:
        yaml = read_yaml(data, str(path))
    except UnreadableDocument as error:
        raise _invalid(error.problems[0]) from error
    try:
        return Node.model_validate(yaml.value)
    except ValidationError as error:
        raise _invalid(problems_of(error, yaml, Node, str(path))[0]) from error


def _invalid(problem: Problem) -> DocumentError:
    return DocumentError(f"{problem.place}: {problem.found}", expected=problem.expected, remedy=problem.remedy)


def _secret(home: Path, file: str | None, variable: str) -> str:
    if file is None:
        return os.environ.get(variable, "").strip()
    path = home / file
    try:
        with path.open("rb") as stream:
            if stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & 0o077:
                remedy = f"run: chmod 600 {path}   (or take it out of the settings and set {variable} instead)"
                raise UsageError(f"{path} can be read by other users", expected="a secret of one user", remedy=remedy)
            data = stream.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        found = f"the secret in {path} cannot be read: {error.strerror}"
        raise UsageError(found, remedy="correct the path or the file") from error
    text = data.decode("ascii", errors="replace").strip()
    if not text or len(data) > MAX_SECRET_BYTES or not text.isascii() or not text.isprintable():
        expected = f"one line of 1 to {MAX_SECRET_BYTES} printable ASCII characters"
        raise UsageError(f"{path} does not hold one printable secret", expected=expected)
    return text
