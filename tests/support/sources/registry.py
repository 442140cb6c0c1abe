"""A registry of the OCI distribution specification, in memory: push, pull, ranges, tokens.

The real client `oras` pushes to it in the tests, and `python -m support.sources.real_registry` runs the same checks
against the registry of the distribution project.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from urllib.parse import parse_qs, urlsplit

from support.sources.web import Asked

_PATH = re.compile(r"/v2/(.+)/(manifests|blobs|blobs/uploads)/([^/]*)")
_NONE = {"errors": [{"code": "UNKNOWN"}]}


class Registry:
    """Blobs and manifests by digest, tags by name. With a `user`, everything asks for a token that is got with it."""

    def __init__(self, user: str = "", secret: str = "") -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.tokens: set[str] = set()
        self.realm_host = ""
        self._user, self._secret = user, secret
        self._uploads: dict[str, bytes] = {}

    def answer(self, asked: Asked) -> None:
        """Answer one request."""
        parts = urlsplit(asked.path)
        if parts.path == "/token":
            self._token(asked)
        elif self._user and asked.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            asked.body()
            host = self.realm_host or asked.headers["Host"]
            challenge = f'Bearer realm="http://{host}/token",service="registry",scope="repository:any:pull,push"'
            asked.reply(401, {"WWW-Authenticate": challenge})
        elif match := _PATH.fullmatch(parts.path):
            self._about(asked, match[2], match[3], parse_qs(parts.query))
        else:
            asked.reply(200 if parts.path == "/v2/" else 404)

    def _token(self, asked: Asked) -> None:
        pair = base64.b64encode(f"{self._user}:{self._secret}".encode()).decode()
        if asked.headers.get("Authorization") != f"Basic {pair}":
            asked.reply(401)
            return
        token = secrets.token_hex(8)
        self.tokens.add(token)
        asked.reply(200, {"Content-Type": "application/json"}, f'{{"token":"{token}","expires_in":300}}'.encode())

    def _about(self, asked: Asked, kind: str, name: str, query: dict[str, list[str]]) -> None:
        match asked.command, kind:
            case "GET" | "HEAD", "blobs":
                asked.give(self.blobs.get(name), {"Docker-Content-Digest": name})
            case "GET" | "HEAD", "manifests":
                form, data = self.manifests.get(name, ("", None))
                asked.give(data, {"Content-Type": form} if form else {})
            case "POST", "blobs/uploads":
                asked.body()
                upload = secrets.token_hex(8)
                self._uploads[upload] = b""
                place = asked.path.partition("?")[0].rstrip("/")
                asked.reply(202, {"Location": f"{place}/{upload}", "Range": "0-0"})
            case "PATCH", "blobs/uploads":
                self._uploads[name] += asked.body()
                asked.reply(202, {"Location": asked.path, "Range": f"0-{len(self._uploads[name]) - 1}"})
            case "PUT", "blobs/uploads":
                self._keep(asked, self._uploads.pop(name) + asked.body(), query["digest"][0])
            case "PUT", "manifests":
                data = asked.body()
                digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
                self.manifests[digest] = self.manifests[name] = asked.headers["Content-Type"], data
                asked.reply(201, {"Location": asked.path, "Docker-Content-Digest": digest})
            case _:
                asked.reply(405)

    def _keep(self, asked: Asked, data: bytes, digest: str) -> None:
        if digest != f"sha256:{hashlib.sha256(data).hexdigest()}":
            asked.reply(400)
            return
        self.blobs[digest] = data
        asked.reply(201, {"Location": asked.path, "Docker-Content-Digest": digest})
