"""The one place that starts git. Used by everything in `history`; nothing else in Interlock runs git.

Every call has a deadline and a bound on what it reads. The environment is scrubbed of `GIT_*` variables, so that no
caller's setting redirects us; hooks, replace objects, grafts, prompts and unlisted transports are off. User input
reaches git only behind `--end-of-options` or as a full object id.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from interlock.errors import HistoryError
from interlock.history.bounded_process import Finished, run_bounded, start

LOCAL_TIMEOUT = 60.0
NETWORK_TIMEOUT = 120.0
MAX_OUTPUT = 256 * 1024 * 1024

_PINNED = (
    "advice.graftFileDeprecated=false",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "gc.autoDetach=false",
    "fetch.fsckObjects=true",
    "log.follow=false",
    "log.showRoot=true",
    "log.showSignature=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
)
_SSH = "ssh -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=10 -o ServerAliveCountMax=3"
_REDIRECTING = (
    "GIT_DIR",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
)


def unattended_environment(secrets: Mapping[str, str], transports: str, index: Path | None = None) -> dict[str, str]:
    """The environment for git: ours without any `GIT_*`, no prompts, no global configuration, listed transports only.

    `secrets` are git configuration values that must not appear in an argument list, such as an authorization header.
    `index` is the index file to read instead of the repository's own, as git names it to a hook in a partial commit.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "SSH_ASKPASS"))}
    configuration = {"GIT_CONFIG_COUNT": str(len(secrets))} if secrets else {}
    for number, (key, value) in enumerate(secrets.items()):
        configuration[f"GIT_CONFIG_KEY_{number}"] = key
        configuration[f"GIT_CONFIG_VALUE_{number}"] = value
    return kept | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_GRAFT_FILE": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ALLOW_PROTOCOL": transports,
        "GIT_SSH_COMMAND": _SSH,
        "LC_ALL": "C",
        **({"GIT_INDEX_FILE": str(index)} if index else {}),
        **configuration,
    }


def personal_environment() -> dict[str, str]:
    """The environment for a commit that a person makes: their name, keys and hooks, still without stray `GIT_DIR`."""
    return {name: value for name, value in os.environ.items() if name not in _REDIRECTING} | {"LC_ALL": "C"}


@dataclass(frozen=True)
class Git:
    """Git bound to one repository. `secrets` go through the environment and are never printed; timeouts in seconds."""

    directory: Path
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    transports: str = "https:ssh:file"
    local_timeout: float = LOCAL_TIMEOUT
    network_timeout: float = NETWORK_TIMEOUT
    index: Path | None = None

    def arguments(self, *words: str) -> list[str]:
        """The full argument list for a git command in this repository."""
        pins = [part for pin in _PINNED for part in ("-c", pin)]
        return ["git", "-C", str(self.directory), "--no-pager", "--literal-pathspecs", *pins, *words]

    def run(self, *words: str, data: bytes = b"", timeout: float | None = None, limit: int = MAX_OUTPUT) -> bytes:
        """Run one git command and return what it printed; `timeout` in seconds, `local_timeout` unless given.

        Raises:
            HistoryError: git failed, took longer than `timeout` seconds, or printed more than `limit` bytes.
        """
        finished = self.attempt(*words, data=data, timeout=timeout, limit=limit)
        if finished.status:
            raise HistoryError(f"git {words[0]} failed in {self.directory}: {finished.errors or finished.status}")
        return finished.output

    def attempt(
        self, *words: str, data: bytes = b"", timeout: float | None = None, limit: int = MAX_OUTPUT
    ) -> Finished:
        """Run one git command whose failure the caller wants to interpret.

        Raises:
            HistoryError: git could not be started or printed more than `limit` bytes.
            RemoteUnreachable: git took longer than `timeout` seconds.
        """
        environment = unattended_environment(self.secrets, self.transports, self.index)
        seconds = self.local_timeout if timeout is None else timeout
        return run_bounded(self.arguments(*words), environment, data, seconds, limit, what=f"git {words[0]}")

    def run_personally(self, *words: str, data: bytes = b"") -> None:
        """Run one git command as the person who started us would: with their identity, configuration and hooks.

        Raises:
            HistoryError: git refused, or took too long.
        """
        finished = self.attempt_personally(*words, data=data, timeout=self.local_timeout)
        if finished.status:
            reason = finished.errors or finished.output.decode(errors="replace").strip()
            raise HistoryError(f"git {words[0]} failed: {reason}", remedy="repair what git says and run it again")

    def attempt_personally(self, *words: str, data: bytes = b"", timeout: float) -> Finished:
        """Run one git command as the person would, whose failure the caller wants to interpret; `timeout` in seconds.

        Raises:
            HistoryError: git could not be started or printed more than 1 MiB.
            RemoteUnreachable: git took longer than `timeout` seconds.
        """
        arguments = ["git", "-C", str(self.directory), "--literal-pathspecs", *words]
        return run_bounded(arguments, personal_environment(), data, timeout, 1 << 20, what=f"git {words[0]}")

    @contextmanager
    def pipe(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start a git command whose output is read as a stream; it is ended when the block is left."""
        with start(
            self.arguments(*words), unattended_environment(self.secrets, self.transports, self.index)
        ) as process:
            yield process
