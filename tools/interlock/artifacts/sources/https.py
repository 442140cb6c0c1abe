"""`https://HOST/DIRECTORY`: the files of a directory of any web server or artifact repository, one request each."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from interlock.artifacts.sources.access import SourceAccess
from interlock.artifacts.sources.files import ArtifactFiles
from interlock.artifacts.sources.reading import Request
from interlock.artifacts.sources.remote import RemoteFiles, authorization, login_for
from interlock.documents.kinds.adapter_revision import Artifact


def open_files(artifact: Artifact, access: SourceAccess) -> ArtifactFiles:
    """See `registry.open_source`."""
    directory = artifact.uri.rstrip("/")
    login = login_for(urlsplit(directory).netloc, access.https)
    headers = {"Authorization": authorization(login)} if login else {}

    def locate(name: str, _: str) -> Request:
        return Request(f"{directory}/{quote(name, safe='')}", f"{directory}/{name}", headers)

    return RemoteFiles(artifact, access, locate)
