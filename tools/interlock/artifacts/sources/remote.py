"""Files that each have an address of their own on some server: what `https:`, `s3:`, `oci:` and `hf:` have in common.

Only what the manifest names is ever asked for; what else lies there concerns nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import BinaryIO

from interlock.artifacts.sources.access import HostLogin, SourceAccess
from interlock.artifacts.sources.reading import Request, open_range, open_small, size_of
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.errors import ArtifactMissing

MAX_SIGNATURE_BYTES = 256 * 1024


class RemoteFiles:
    """The files of one artifact.

    `locate` gives the request for a name and a method; `list_sizes` asks for all sizes at once, where that can be done.
    """

    def __init__(
        self,
        artifact: Artifact,
        access: SourceAccess,
        locate: Callable[[str, str], Request],
        list_sizes: Callable[[], Mapping[str, int]] | None = None,
    ) -> None:
        self._artifact = artifact
        self._access = access
        self._locate = locate
        self._list_sizes = list_sizes

    @property
    def label(self) -> str:
        """See `ArtifactFiles.label`."""
        return self._artifact.uri

    def sizes(self) -> Mapping[str, int]:
        """See `ArtifactFiles.sizes`; of files that the manifest names only."""
        listed = self._list_sizes() if self._list_sizes else self._asked_one_by_one()
        found = {name: size for name, size in listed.items() if self._promised(name) is not None}
        if not found:
            raise ArtifactMissing(
                f"none of the files is at {self.label}",
                expected=", ".join(file.path for file in self._artifact.files[:8]),
                remedy="upload the registered files to that address",
            )
        return found

    def open(self, name: str, *, start: int = 0) -> AbstractContextManager[BinaryIO]:
        """See `ArtifactFiles.open`."""
        size = self._promised(name)
        signature = self._artifact.signature
        if size is None and signature and name == signature.path and not start:
            return open_small(self._locate(name, "GET"), self._access, limit=MAX_SIGNATURE_BYTES)
        if size is None:
            raise ArtifactMissing(f"{name!r} is no file that the manifest of {self.label} names")
        return open_range(self._locate(name, "GET"), self._access, start=start, size=size)

    def _promised(self, name: str) -> int | None:
        return next((file.size for file in self._artifact.files if file.path == name), None)

    def _asked_one_by_one(self) -> Mapping[str, int]:
        found = {}
        for file in self._artifact.files:
            try:
                found[file.path] = size_of(self._locate(file.path, "HEAD"), self._access)
            except ArtifactMissing:
                continue
        return found


def login_for(host: str, logins: tuple[HostLogin, ...]) -> HostLogin | None:
    """The login of a host (`name` or `name:port`)."""
    return next((login for login in logins if login.host.lower() == host.lower()), None)


def authorization(login: HostLogin) -> str:
    """The header that carries a login: user and secret as Basic, a secret alone as Bearer."""
    if not login.user:
        return f"Bearer {login.secret}"
    import base64

    pair = f"{login.user}:{login.secret}".encode()
    return f"Basic {base64.b64encode(pair).decode('ascii')}"
