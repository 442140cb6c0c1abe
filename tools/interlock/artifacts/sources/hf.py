"""`hf://OWNER/REPOSITORY@COMMIT[/DIRECTORY]`: files of a model repository on huggingface.co or a hub like it.

Over the hub's documented addresses `/OWNER/REPOSITORY/resolve/COMMIT/FILE` and `/api/models/…/tree/COMMIT`. Large files
are redirected to other hosts, which never see the token. Why not with huggingface_hub: docs/decisions/0011-sources.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from interlock.artifacts.sources.access import SourceAccess
from interlock.artifacts.sources.files import ArtifactFiles
from interlock.artifacts.sources.reading import Request, read_small
from interlock.artifacts.sources.refusals import unreachable
from interlock.artifacts.sources.remote import RemoteFiles
from interlock.artifacts.strict_json import read_object
from interlock.documents.addresses import hub_parts
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.errors import ArtifactCorrupt

MAX_LISTING_BYTES = 4 << 20


def open_files(artifact: Artifact, access: SourceAccess) -> ArtifactFiles:
    """See `registry.open_source`."""
    repository, commit, directory = hub_parts(artifact.uri)
    endpoint = access.hub.endpoint.rstrip("/")
    headers = {"Authorization": f"Bearer {access.hub.token}"} if access.hub.token else {}
    below = f"/{quote(directory)}" if directory else ""

    def locate(name: str, _: str) -> Request:
        url = f"{endpoint}/{repository}/resolve/{commit}{below}/{quote(name, safe='')}"
        return Request(url, f"{artifact.uri.rstrip('/')}/{name}", headers)

    def list_sizes() -> Mapping[str, int]:
        url = f"{endpoint}/api/models/{repository}/tree/{commit}{below}?recursive=false&limit=1000"
        where = f"the list of files of {artifact.uri}"
        data, _ = read_small(Request(url, where, headers), access, limit=MAX_LISTING_BYTES)
        return dict(_listed(data, directory, where))

    return RemoteFiles(artifact, access, locate, list_sizes)


def _listed(data: bytes, directory: str, where: str) -> Iterator[tuple[str, int]]:
    """Names and sizes of the files directly in a directory, of an answer of the hub."""
    try:
        entries = read_object(b'{"entries":' + data + b"}", where)["entries"]
        files = [(entry["path"], entry["size"]) for entry in entries if entry["type"] == "file"]
    except (ArtifactCorrupt, LookupError, TypeError):
        raise unreachable(where, "what the hub answers is not the list that its interface documents") from None
    prefix = f"{directory}/" if directory else ""
    for path, size in files:
        if isinstance(path, str) and isinstance(size, int) and path.startswith(prefix):
            yield path.removeprefix(prefix), size
