"""Decides under which address a registered directory is recorded, and whether its bytes are copied: pure.

Called by register_adapter and register_base. Bytes inside the repository get a relative `file:` address, which the
checker and the agents read from the same commit as the manifest; others an absolute one, or the address given.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from interlock.documents.fields import artifact_uri
from interlock.documents.layout import FOLDERS
from interlock.errors import UsageError

COPIES = "artifacts"


@dataclass(frozen=True, slots=True)
class ArtifactPlace:
    """The address for the manifest; `copy_to` is where the bytes go below the root, None where they stay."""

    uri: str
    copy_to: str | None = None


def artifact_place(root: Path, directory: Path, served_name: str, *, uri: str | None, copy: bool) -> ArtifactPlace:
    """Where the bytes of `directory` will be read from.

    Raises:
        UsageError: `uri` and `copy` exclude each other, the address is not one, or the directory lies among documents.
    """
    if uri is not None and copy:
        raise UsageError("--uri and --copy exclude each other", expected="one place for the bytes")
    if copy:
        return ArtifactPlace(f"file:{COPIES}/{served_name}", f"{COPIES}/{served_name}")
    if uri is not None:
        return ArtifactPlace(_address(uri))
    absolute = directory.resolve()
    if not absolute.is_relative_to(root.resolve()):
        return ArtifactPlace(_address(f"file://{absolute}"))
    relative = absolute.relative_to(root.resolve()).as_posix()
    if relative.split("/")[0] in FOLDERS:
        raise UsageError(
            f"{directory} lies in {relative.split('/')[0]}/, which holds documents only",
            expected="bytes outside adapters/, bases/, environments/ and policies/",
            remedy="move the directory, or add --copy to keep the bytes in artifacts/",
        )
    return ArtifactPlace(_address(f"file:{relative}"))


def _address(uri: str) -> str:
    try:
        return artifact_uri(uri)
    except ValueError as error:
        raise UsageError(
            f"{uri!r} cannot be the address of an artifact: {error}",
            remedy="give another address with --uri, or add --copy to keep the bytes in artifacts/",
        ) from error
