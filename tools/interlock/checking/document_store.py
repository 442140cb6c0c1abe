"""Documents that were read by an earlier check, kept on disk by the id of their blob: safe to delete at any time.

Called by `reading_ahead`. The file is named after everything that reading depends on (the sources of this package,
Python, the libraries), so nothing is ever taken over from another version; only documents without problems are kept.
A store that cannot be used is no store: the check reads everything again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import sys
import zlib
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

import interlock
from interlock.documents.packed import Packed

_ASKED_AT_ONCE = 500
_MOST_BYTES = 512 << 20
"""Size after which a store begins anew."""
_SOURCES = (".py", ".yaml")
_LIBRARIES = ("pydantic", "pydantic_core", "ruamel.yaml", "ruamel.yaml.clib", "cel-expr-python", "tzdata")
_OLDEST_KEPT = 3
"""Stores of other versions that are left beside this one: people switch between branches."""


class DocumentStore:
    """Packed documents by key (the id of a blob and its path), and results of whole checks by key."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def close(self) -> None:
        """Give the file back."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def find(self, keys: Sequence[str]) -> dict[str, Packed]:
        """Those of these documents that are kept."""
        found: dict[str, Packed] = {}
        with contextlib.suppress(sqlite3.Error):
            for start in range(0, len(keys), _ASKED_AT_ONCE):
                asked = keys[start : start + _ASKED_AT_ONCE]
                marks = ",".join("?" * len(asked))
                rows = self._connection.execute(
                    f"SELECT key, content, positions FROM documents WHERE key IN ({marks})",  # noqa: S608
                    asked,
                )
                found.update((key, Packed(content, positions)) for key, content, positions in rows)
        return found

    def keep(self, documents: Mapping[str, Packed]) -> None:
        """Keep documents for the next check."""
        rows = ((key, packed.values, packed.positions) for key, packed in documents.items())
        with contextlib.suppress(sqlite3.Error), self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", rows)

    def result(self, key: str) -> str | None:
        """What a check with this key ended with."""
        with contextlib.suppress(sqlite3.Error):
            row = self._connection.execute("SELECT content, checksum FROM results WHERE key = ?", (key,)).fetchone()
            return str(row[0]) if row and row[1] == _checksum(key, row[0]) else None
        return None

    def keep_result(self, key: str, content: str) -> None:
        """Keep a result; only the last few are."""
        with contextlib.suppress(sqlite3.Error), self._connection:
            self._connection.execute(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?)", (key, content, _checksum(key, content))
            )
            self._connection.execute(
                "DELETE FROM results WHERE rowid NOT IN (SELECT rowid FROM results ORDER BY rowid DESC LIMIT 20)"
            )


def open_store(folder: Path, version: str) -> DocumentStore | None:
    """The store of one version in a folder of this user's own; None where there cannot be one.

    Whoever can write to the folder can make this user's checks pass, so nobody else may.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            return None
        file = folder / f"check-{version}.sqlite"
        if file.is_symlink():
            return None
        if file.exists() and file.stat().st_size > _MOST_BYTES:
            file.unlink()
        _forget_old(folder, file)
        return DocumentStore(_connected(file))
    except (OSError, sqlite3.Error):
        return None


def _connected(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=1.0)
    try:
        os.chmod(file, 0o600)  # noqa: PTH101
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")  # what a power cut destroys is found damaged and made anew
        with connection:
            for statement in _SCHEMA:
                connection.execute(statement)
    except sqlite3.DatabaseError:
        connection.close()
        file.unlink()  # damaged: the next check begins anew
        raise
    return connection


_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS documents (key TEXT PRIMARY KEY, content BLOB, positions BLOB)",
    "CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, content TEXT, checksum INTEGER)",
)


def _checksum(*texts: str) -> int:
    """Tells a row that a power cut or a bad disk spoiled; it does not tell one that somebody forged."""
    return zlib.crc32("\0".join(texts).encode("utf-8", errors="surrogatepass"))


def _forget_old(folder: Path, current: Path) -> None:
    others = sorted((file for file in _stores(folder) if file != current), key=lambda file: file.stat().st_mtime)
    for file in others[: max(0, len(others) - _OLDEST_KEPT)]:
        file.unlink(missing_ok=True)
        for ending in ("-wal", "-shm"):
            file.with_name(file.name + ending).unlink(missing_ok=True)


def _stores(folder: Path) -> Iterable[Path]:
    return [file for file in folder.glob("check-*.sqlite") if file.is_file()]


class LazyStore:
    """The store of this user and this version, opened when it is first asked for; nothing where it is switched off."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._folder = default_folder(os.environ if environment is None else environment)
        self._store: DocumentStore | None = None

    def __call__(self) -> DocumentStore | None:
        """The store; None where there is none."""
        if self._folder and self._store is None:
            self._store = open_store(self._folder, version())
            self._folder = None
        return self._store

    def close(self) -> None:
        """Give the store back."""
        if self._store:
            self._store.close()


def default_folder(environment: Mapping[str, str]) -> Path | None:
    """Where stores lie: `INTERLOCK_CACHE_DIR`, or below the user's cache directory; None where it is switched off."""
    named = environment.get("INTERLOCK_CACHE_DIR")
    if named is not None:
        return Path(named) if named.startswith("/") else None
    home = environment.get("XDG_CACHE_HOME") or (f"{environment['HOME']}/.cache" if environment.get("HOME") else "")
    return Path(home) / "interlock" if home.startswith("/") else None


def version(package: Path = Path(interlock.__file__).parent, libraries: Sequence[str] = _LIBRARIES) -> str:
    """A name that changes with every source file of a package (ours) and with the versions of Python and libraries."""
    files = sorted(path for path in package.rglob("*") if path.suffix in _SOURCES)
    parts = [f"{path.relative_to(package)} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
    parts += [f"{name} {_version_of(name)}" for name in libraries]
    return hashlib.sha256("\n".join([sys.version, *parts]).encode()).hexdigest()[:20]


def _version_of(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "absent"
