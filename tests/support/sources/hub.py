"""A hub of models, as much of the documented interface of huggingface.co as downloads use, in memory.

The real client `huggingface_hub` downloads from it in the tests. Files of `LARGE` bytes or more are redirected to an
address that is signed for a short time, as the hub does, and that takes no token.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from support.sources.web import Asked

LARGE = 1000
_RESOLVE = re.compile(r"/(.+)/resolve/([0-9a-f]{40})/(.+)")
_TREE = re.compile(r"/api/models/(.+)/tree/([0-9a-f]{40})/?(.*)")


class Hub:
    """Repositories by name and commit, each a mapping of paths to bytes; with a `token` they are private."""

    def __init__(self, token: str = "") -> None:
        self.commits: dict[tuple[str, str], dict[str, bytes]] = {}
        self.storage = ""
        self._token = token
        self._signed: dict[str, bytes] = {}

    def answer(self, asked: Asked) -> None:
        """Answer one request."""
        path = unquote(urlsplit(asked.path).path)
        if path.startswith("/storage/"):
            # What carries a token to the storage is refused, as the storages behind the hub do.
            asked.reply(400) if "Authorization" in asked.headers else asked.give(self._signed.get(asked.path))
        elif self._token and asked.headers.get("Authorization") != f"Bearer {self._token}":
            asked.reply(401, {"X-Error-Code": "GatedRepo"})
        elif match := _RESOLVE.fullmatch(path):
            self._resolve(asked, match[2], self.commits.get((match[1], match[2]), {}).get(match[3]))
        elif match := _TREE.fullmatch(path):
            self._tree(asked, self.commits.get((match[1], match[2])), match[3])
        else:
            asked.reply(404)

    def _resolve(self, asked: Asked, commit: str, data: bytes | None) -> None:
        if data is None:
            asked.reply(404, {"X-Repo-Commit": commit, "X-Error-Code": "EntryNotFound"})
            return
        digest = hashlib.sha256(data).hexdigest()
        headers = {"X-Repo-Commit": commit, "ETag": f'"{digest}"'}
        if len(data) < LARGE:
            asked.give(data, headers)
            return
        signed = f"/storage/{digest}?Signature={secrets.token_hex(16)}"
        self._signed[signed] = data
        linked = {"X-Linked-Size": str(len(data)), "X-Linked-ETag": f'"{digest}"'}
        asked.reply(302, {**headers, **linked, "Location": self.storage + signed})

    def _tree(self, asked: Asked, files: Mapping[str, bytes] | None, directory: str) -> None:
        prefix = f"{directory}/" if directory else ""
        found = {path: data for path, data in (files or {}).items() if path.startswith(prefix)}
        if not found:
            asked.reply(404, {"X-Error-Code": "RevisionNotFound" if files is None else "EntryNotFound"})
            return
        listed = [_entry(path, data) for path, data in found.items() if "/" not in path.removeprefix(prefix)]
        listed += [{"type": "directory", "oid": "0" * 40, "size": 0, "path": f"{prefix}more"}]
        asked.reply(200, {"Content-Type": "application/json"}, json.dumps(listed).encode())


def _entry(path: str, data: bytes) -> dict[str, object]:
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    entry: dict[str, object] = {"type": "file", "oid": blob, "size": len(data), "path": path}
    if len(data) >= LARGE:
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return entry
