"""Turns what an operator wrote about sources into what they need: secrets read, paths absolute, times in seconds.

Called by the agent for the section of its settings, and for the file that INTERLOCK_SOURCES names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from interlock.artifacts.settings_files import read_secret, read_settings
from interlock.artifacts.sources.access import HUB, HostLogin, Hub, S3Place, SourceAccess
from interlock.documents.kinds.sources import NodeSources, SourceBuckets, SourceHub, SourceLogin, Sources
from interlock.errors import UsageError

VARIABLE = "INTERLOCK_SOURCES"


def access_from_environment(environment: Mapping[str, str] = os.environ) -> SourceAccess:
    """How the person at this machine reaches artifacts: by the file that INTERLOCK_SOURCES names, if it does.

    Raises:
        UsageError: the file or one of its secrets cannot be read.
        DocumentError: the file does not hold such settings.
    """
    named = environment.get(VARIABLE)
    if not named:
        return access_of(NodeSources(), Path(), environment)
    path = Path(named)
    settings = read_settings(path, Sources, what="how sources are reached", page="docs/sources.md")
    return access_of(settings, path.parent.resolve(), environment)


def access_of(sources: NodeSources, home: Path, environment: Mapping[str, str] = os.environ) -> SourceAccess:
    """How sources are reached by these settings; relative paths start at `home`.

    Raises:
        UsageError: a secret cannot be read.
    """
    return SourceAccess(
        connect_s=sources.connect.total_seconds(),
        stall_s=sources.stall.total_seconds(),
        deadline_s=sources.deadline.total_seconds(),
        ca_file=home / sources.ca_file if sources.ca_file else None,
        hosts=sources.hosts,
        plain_http=sources.plain_http,
        https=tuple(_login(login, home, environment) for login in sources.https),
        s3=tuple(_buckets(buckets, home) for buckets in sources.s3),
        oci=tuple(_login(login, home, environment) for login in sources.oci),
        hub=_hub(sources.hf, home, environment),
        archives=sources.archive,
    )


def _login(login: SourceLogin, home: Path, environment: Mapping[str, str]) -> HostLogin:
    secret = read_secret(home / login.secret_file) if login.secret_file else _set(login, environment)
    return HostLogin(login.host, login.user or "", secret, login.token_host or "")


def _set(login: SourceLogin, environment: Mapping[str, str]) -> str:
    value = environment.get(login.secret_variable or "", "").strip()
    if not value or not value.isascii() or not value.isprintable():
        raise UsageError(
            f"the variable {login.secret_variable} holds no secret for {login.host}",
            expected="one line of printable ASCII characters",
            remedy=f"set {login.secret_variable}, or name a file with `secret_file` instead",
        )
    return value


def _buckets(buckets: SourceBuckets, home: Path) -> S3Place:
    return S3Place(
        bucket=buckets.bucket or "",
        endpoint=buckets.endpoint or "",
        region=buckets.region or "",
        profile=buckets.profile or "",
        virtual_host=buckets.addressing == "virtual",
        anonymous=buckets.anonymous,
        key_id=buckets.key_id or "",
        secret_key=read_secret(home / buckets.secret_key_file) if buckets.secret_key_file else "",
    )


def _hub(hub: SourceHub, home: Path, environment: Mapping[str, str]) -> Hub:
    """A token of the environment goes to the hub that the environment names, or to the public one."""
    named = environment.get("HF_ENDPOINT", "") or HUB
    endpoint = hub.endpoint or named
    if hub.token_file:
        return Hub(endpoint, read_secret(home / hub.token_file))
    return Hub(endpoint, environment.get("HF_TOKEN", "").strip() if endpoint == named else "")
