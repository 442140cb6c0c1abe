"""How sources may be reached: hosts, times, authorities and credentials. Values only.

Built from the section `sources:` of a node's settings, or of the file that INTERLOCK_SOURCES names; handed to
`open_source`. Its secrets never show in `repr`, so they cannot reach a log by accident.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

HUB = "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class HostLogin:
    """What one host of `https:` or `oci:` addresses asks for: a user with a secret, or a Bearer token alone.

    `host` is `name` or `name:port`. `token_host` is the host that may also be sent the login of a registry.
    """

    host: str
    user: str = ""
    secret: str = field(default="", repr=False)
    token_host: str = ""


@dataclass(frozen=True, slots=True)
class S3Place:
    """Where buckets are: one bucket, or with `bucket` "" all that are not named.

    `endpoint` "" is Amazon's own. Without `key_id` the credentials come from where AWS tools find them (environment,
    profile, role of the machine), and without any there the requests are anonymous.
    """

    bucket: str = ""
    endpoint: str = ""
    region: str = ""
    profile: str = ""
    virtual_host: bool = False
    anonymous: bool = False
    key_id: str = ""
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Hub:
    """A model hub that speaks the interface of huggingface.co; `token` "" for public repositories."""

    endpoint: str = HUB
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SourceAccess:
    """Everything that sources beyond this machine need to know; times in seconds.

    `connect_s` bounds the wait for a connection, `stall_s` every wait for the next bytes, `deadline_s` one file from
    the first byte asked for to the last. `hosts` are the only ones that are talked to, `*.example.com` for all below
    example.com; None for any. The registries in `plain_http` are talked to without TLS. `archives` are addresses that
    are asked, one after the other, for what is not at its own.
    """

    connect_s: float = 10.0
    stall_s: float = 30.0
    deadline_s: float = 1800.0
    ca_file: Path | None = None
    hosts: tuple[str, ...] | None = None
    plain_http: tuple[str, ...] = ()
    https: tuple[HostLogin, ...] = ()
    s3: tuple[S3Place, ...] = ()
    oci: tuple[HostLogin, ...] = ()
    hub: Hub = Hub()
    archives: tuple[str, ...] = ()

    def allows(self, host: str) -> bool:
        """Whether `name` or `name:port` may be talked to; an entry without a port stands for all ports."""
        if self.hosts is None:
            return True
        names = {host.lower(), host.lower().rpartition(":")[0] if _has_port(host) else host.lower()}
        return any(_matches(entry.lower(), name) for entry in self.hosts for name in names)


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdigit() and not host.endswith("]")


def _matches(entry: str, name: str) -> bool:
    return name.endswith(entry[1:]) if entry.startswith("*.") else name == entry
