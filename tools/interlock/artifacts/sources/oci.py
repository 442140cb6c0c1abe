"""`oci://REGISTRY/REPOSITORY@sha256:…`: files of an OCI artifact, as `oras push` makes one: a layer for each file.

The manifest must have the digest of the address, and each file of ours must be a layer with its name, size and digest,
before a byte of it is read. Why not with oras, which verifies none of that: docs/decisions/0011-sources.md.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from interlock.artifacts.sources.access import SourceAccess
from interlock.artifacts.sources.files import ArtifactFiles
from interlock.artifacts.sources.reading import Request, read_small
from interlock.artifacts.sources.registry_door import RegistryDoor
from interlock.artifacts.sources.remote import RemoteFiles, login_for
from interlock.artifacts.strict_json import read_object
from interlock.documents.addresses import registry_parts
from interlock.documents.kinds.adapter_revision import Artifact, ArtifactFile
from interlock.errors import ArtifactCorrupt, ArtifactMissing

MAX_MANIFEST_BYTES: Final = 4 << 20
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
TITLE: Final = "org.opencontainers.image.title"


def open_files(artifact: Artifact, access: SourceAccess) -> ArtifactFiles:
    """See `registry.open_source`."""
    place = _Place(artifact, access)
    return RemoteFiles(artifact, access, place.locate, place.sizes)


@dataclass(frozen=True, slots=True)
class _Layer:
    digest: str
    size: int


class _Place:
    """One artifact in a registry; its manifest is read once, by the first thread that needs it."""

    def __init__(self, artifact: Artifact, access: SourceAccess) -> None:
        host, self._repository, self._digest = registry_parts(artifact.uri)
        self._artifact = artifact
        self._access = access
        self._root = f"{'http' if host in access.plain_http else 'https'}://{host}/v2/{self._repository}"
        self._door = RegistryDoor(self._repository, login_for(host, access.oci), host, access)
        self._lock = threading.Lock()
        self._layers: Mapping[str, _Layer] | None = None

    def sizes(self) -> Mapping[str, int]:
        """The sizes that the manifest gives to its files."""
        return {name: layer.size for name, layer in self._known_layers().items()}

    def locate(self, name: str, _: str) -> Request:
        """The request for the layer that holds a file."""
        layer = self._known_layers().get(name)
        if layer is None:
            raise ArtifactMissing(
                f"{self._artifact.uri} has no layer for {name}",
                expected=f"a layer with the title {name}, as `oras push` makes it",
                remedy="push the registered files again, and register the address that this gives as a new revision",
            )
        _refuse_other(name, layer, self._artifact)
        return self._request(f"blobs/{layer.digest}", f"{name} of {self._artifact.uri}")

    def _known_layers(self) -> Mapping[str, _Layer]:
        with self._lock:
            if self._layers is None:
                self._layers = dict(_layers(self._manifest(), self._artifact.uri))
            return self._layers

    def _manifest(self) -> dict[str, Any]:
        request = self._request(f"manifests/{self._digest}", f"the manifest of {self._artifact.uri}", accept=MANIFEST)
        data, _ = read_small(request, self._access, limit=MAX_MANIFEST_BYTES)
        found = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if found != self._digest:
            raise ArtifactCorrupt(
                f"the registry gives out a manifest with the digest {found} for {self._artifact.uri}",
                expected=self._digest,
                remedy="do not use this registry before somebody has looked at it",
            )
        return read_object(data, request.where)

    def _request(self, path: str, where: str, *, accept: str = "") -> Request:
        headers = {"Accept": accept} if accept else {}

        def with_login(login: str | None, *, more: bool) -> Request:
            said = {**headers, "Authorization": login} if login else headers
            return Request(f"{self._root}/{path}", where, said, again if more else None)

        def again(challenge: str) -> Request | None:
            login = self._door.answer(challenge)
            return with_login(login, more=False) if login else None

        return with_login(self._door.known, more=True)


def _layers(manifest: Mapping[str, Any], uri: str) -> Iterator[tuple[str, _Layer]]:
    """The layers of a manifest that stand for files, by their titles."""
    seen = set()
    try:
        for layer in manifest["layers"]:
            name = layer.get("annotations", {}).get(TITLE)
            if not isinstance(name, str):
                continue
            if name in seen:
                raise ArtifactCorrupt(f"{uri} has two layers for {name!r}", expected="one layer for each file")
            seen.add(name)
            yield name, _Layer(str(layer["digest"]), int(layer["size"]))
    except (LookupError, TypeError, ValueError, OverflowError, AttributeError):
        raise ArtifactCorrupt(
            f"{uri} is no artifact with a layer for each file", expected="what `oras push` makes of a directory's files"
        ) from None


def _refuse_other(name: str, layer: _Layer, artifact: Artifact) -> None:
    """Refuse a layer that is not the promised file; a signature has no promise."""
    file = next((file for file in artifact.files if file.path == name), None)
    if file and not _same(layer, file):
        raise ArtifactCorrupt(
            f"the layer for {name} of {artifact.uri} has {layer.size} bytes and the digest {layer.digest}",
            expected=f"{file.size} bytes and the digest {file.digest}, as the manifest of the adapter says",
            remedy="register the adapter again with the address of the artifact that holds it",
        )
    if not file and not _is_digest(layer.digest):
        raise ArtifactCorrupt(f"the layer for {name} of {artifact.uri} has no digest that is known")


def _same(layer: _Layer, file: ArtifactFile) -> bool:
    return layer == _Layer(str(file.digest), file.size)


def _is_digest(text: str) -> bool:
    kind, _, rest = text.partition(":")
    return kind == "sha256" and len(rest) == 64 and not rest.strip("0123456789abcdef")
