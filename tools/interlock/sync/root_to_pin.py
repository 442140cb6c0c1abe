"""The commit that an operator may pin as the root of a node's trust. Called by `interlock sync --print-root`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from interlock.errors import UsageError
from interlock.findings.readable import readable
from interlock.history.mirror import Mirror, Remote
from interlock.sync.settings import NodeSettings


def root_to_pin(settings: NodeSettings) -> str:
    """What to write into the settings, with what a person should look at before, as YAML.

    Raises:
        RemoteUnreachable: the remote does not answer.
        HistoryError: it has no such branch.
        UsageError: the node follows a directory.
    """
    if settings.node.remote.url is None:
        raise UsageError(
            "this node follows a directory, which shows no signatures that could be verified",
            expected="`remote.url`",
            remedy="point it at the git repository from which the directory comes (docs/directory.md)",
        )
    remote = Remote(settings.node.remote.url, settings.node.remote.branch, settings.remote_token)
    with tempfile.TemporaryDirectory(prefix="interlock-root-") as scratch:
        mirror = Mirror(Path(scratch), remote)
        commit = mirror.fetch(None)
        told = mirror.repository.git.run("log", "--max-count=1", "--format=%an <%ae>, %cI%n%s", commit)
    who, _, subject = told.decode("utf-8", errors="replace").strip().partition("\n")
    return (
        f"# {remote.branch} of {readable(remote.url)} is at\n"
        f"#   {commit}\n"
        f"#   {readable(who)}: {readable(subject)}\n"
        "# All up to the commit that you pin is trusted because you looked at it: its roster, policies and pointers.\n"
        "trust:\n"
        f"  root: {{commit: {commit}}}\n"
    )
