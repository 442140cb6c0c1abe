"""The option `--artifacts-from`: which other hosts a command may ask for the bytes of artifacts. Without it none.

The addresses come from a repository, and so from whoever proposes a change to it: only a person or a workflow decides
which hosts are talked to, and by which logins.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from interlock.documents.addresses import HOST
from interlock.errors import UsageError

if TYPE_CHECKING:
    from interlock.checking.fact_cache import Elsewhere

LONGEST_S = 120.0
_HOST = re.compile(rf"(?:\*\.)?{HOST}")

artifacts_from_option = click.option(
    "--artifacts-from",
    "hosts",
    multiple=True,
    envvar="INTERLOCK_ARTIFACTS_FROM",
    metavar="HOST",
    help="Also look at artifacts on this host (or *.DOMAIN); may be repeated. Logins: see docs/sources.md.",
)


def open_elsewhere(hosts: tuple[str, ...]) -> Elsewhere | None:
    """What opens artifacts on these hosts; None without hosts.

    Raises:
        UsageError: one of them is no host, or the logins cannot be read.
        DocumentError: the file with the logins is not valid.
    """
    for host in hosts:
        if not _HOST.fullmatch(host):
            expected = "like registry.example.com:5000 or *.example.com"
            raise UsageError(f"--artifacts-from {host!r} is no host", expected=expected)
    if not hosts:
        return None
    from interlock.artifacts.sources import open_beyond
    from interlock.artifacts.sources.settings import access_from_environment

    access = access_from_environment()
    access = replace(access, hosts=hosts, deadline_s=min(access.deadline_s, LONGEST_S))
    return lambda artifact: open_beyond(artifact, access)
