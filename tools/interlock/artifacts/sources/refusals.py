"""What it means that a server gave no file: an error of ours, with the next thing to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from interlock.errors import ArtifactCorrupt, ArtifactError, ArtifactMissing, ArtifactUnreachable

_SECONDS = re.compile(r"[0-9]{1,6}")


def unreachable(where: str, why: str) -> ArtifactUnreachable:
    """The error for a place that did not give out what was asked for; time may heal that."""
    return ArtifactUnreachable(
        f"{where}: {why}",
        expected="the file that the manifest names",
        remedy="look at the server and the way to it; it is tried again",
    )


def refused(where: str, status: int, headers: Mapping[str, str], *, login: bool) -> ArtifactError:
    """The error for an answer without a file. `login` says whether the request carried one."""
    if status in (404, 410):
        return ArtifactMissing(
            f"{where} is not there (HTTP {status})",
            expected="the file that the manifest names",
            remedy="upload the registered files to that address",
        )
    if status in (401, 403):
        given = "the login that was given is not enough" if login else "no login was given"
        return ArtifactUnreachable(
            f"{where} is not given out (HTTP {status}): {given}",
            expected="somebody who may read it",
            remedy="see docs/sources.md for where logins are set; some servers also answer so where nothing is",
        )
    if status == 416:
        return ArtifactCorrupt(
            f"{where} is shorter than the manifest says (HTTP 416)",
            expected="the registered file",
            remedy="put the registered file there again",
        )
    return unreachable(where, f"the server answers HTTP {status}{_later(headers)}")


def _later(headers: Mapping[str, str]) -> str:
    after = headers.get("retry-after", "")
    return f" and asks to come back after {after} s" if _SECONDS.fullmatch(after) else ""
