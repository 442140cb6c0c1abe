"""Adapters as directories that an engine reads by itself: one below a root for each, under its served name.

Called by the drivers of NIM and LoRAX. A directory appears whole, by one rename, and its bytes are those of the store:
hard links where the file system allows it, copies elsewhere. Refuses to touch what it did not publish: only names with
a digest are ever written or removed.
"""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from interlock.engines.naming import is_served_name
from interlock.errors import EngineRefused, UsageError

_NO_LINKS: Final = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES)
Link = Callable[[Path, Path], None]
_NOT_PUBLISHED: Final = 507
"""HTTP's "insufficient storage": the engine was not even asked."""


def hard_link(source: Path, target: Path) -> None:
    """Give a file another name; never the target of a link."""
    os.link(source, target, follow_symlinks=False)


class PublishedAdapters:
    """The directory `root` that the engine reads; `root` itself must not be a mount, because a rename ends there."""

    def __init__(self, root: Path, *, link: Link = hard_link) -> None:
        self.root, self._link = root, link
        self._incoming = root.with_name(f".{root.name}.incoming")

    def path_of(self, name: str) -> Path:
        """Where the adapter of a served name is published."""
        if not is_served_name(name):
            raise EngineRefused(
                f"{name!r} is no served name", status=_NOT_PUBLISHED, expected="ADAPTER@REVISION-DIGEST12"
            )
        return self.root / name

    def names(self) -> set[str]:
        """Served names that are published; directories of others are not ours."""
        with suppress(FileNotFoundError), os.scandir(self.root) as entries:
            return {entry.name for entry in entries if _is_ours(entry)}
        return set()

    def publish(self, name: str, directory: Path) -> Path:
        """Publish the files of `directory` under `name`; what is there already must be the same bytes.

        Raises:
            EngineRefused: other bytes are published under this name, or the file system refuses.
        """
        place = self.path_of(name)
        with self._refusing(name):
            if place.is_dir() and not place.is_symlink():
                _require_same(name, place, directory)
                return place
            self.root.mkdir(parents=True, exist_ok=True)
            self._incoming.mkdir(exist_ok=True)
            staged = Path(tempfile.mkdtemp(prefix="adapter-", dir=self._incoming))
            try:
                _fill(staged, directory, self._link)
                staged.chmod(0o755)
                staged.rename(place)
                _sync(self.root)
            finally:
                shutil.rmtree(staged, ignore_errors=True)
        return place

    def withdraw(self, name: str) -> None:
        """Take the directory of `name` away, by one rename and then for good; nothing there is a success."""
        place = self.path_of(name)
        with self._refusing(name):
            if not os.path.lexists(place):
                return
            self._incoming.mkdir(exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix="withdrawn-", dir=self._incoming))
            place.rename(aside / name)
            _sync(self.root)
            shutil.rmtree(aside, ignore_errors=True)

    @contextmanager
    def _refusing(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            same_disk = (
                "; it must be a directory below a mount, not the mount itself" if error.errno == errno.EXDEV else ""
            )
            raise EngineRefused(
                f"{name} cannot be published in {self.root}: {error.strerror}",
                status=_NOT_PUBLISHED,
                expected=f"a directory that the agent may write and the engine reads{same_disk}",
                remedy="correct engine.adapters_directory in the node's settings, or the rights of that directory",
            ) from error


def adapters_directory(directory: Path | None, kind: str) -> PublishedAdapters:
    """The published adapters of an engine of `kind` that reads them by itself.

    Raises:
        UsageError: the settings do not say where.
    """
    if directory is None or not directory.is_absolute():
        raise UsageError(
            f"an engine of kind {kind} reads adapters from a directory, and none is named",
            expected="engine.adapters_directory in the node's settings",
            remedy="name the directory that the engine was started with; docs/engines.md shows how",
        )
    return PublishedAdapters(directory)


def _is_ours(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and is_served_name(entry.name)


def _fill(staged: Path, directory: Path, bring: Link) -> None:
    """The files of `directory` in `staged`, adapter_config.json last: without it no engine takes it for an adapter."""
    names = sorted(_files(directory), key=lambda name: (name == "adapter_config.json", name))
    for name in names:
        try:
            bring(directory / name, staged / name)
        except OSError as error:
            if bring is _copy or error.errno not in _NO_LINKS:
                raise
            bring = _copy
            bring(directory / name, staged / name)


def _copy(source: Path, target: Path) -> None:
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as reader, target.open("xb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())
    target.chmod(0o444)


def _files(directory: Path) -> list[str]:
    with os.scandir(directory) as entries:
        found = {entry.name: entry.stat(follow_symlinks=False).st_mode for entry in entries}
    for name, mode in found.items():
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"{name} is not a plain file", str(directory / name))
    return sorted(found)


def _require_same(name: str, place: Path, directory: Path) -> None:
    ours, wanted = _files(place), _files(directory)
    if ours == wanted and all(_same(place / file, directory / file) for file in ours):
        return
    raise EngineRefused(
        f"{place} holds other bytes than {directory}",
        status=_NOT_PUBLISHED,
        expected=f"one set of bytes under the name {name} for ever",
        remedy=f"find out who changed {place}, then remove it while the engine is stopped",
    )


def _same(one: Path, other: Path) -> bool:
    return one.samefile(other) or filecmp.cmp(one, other, shallow=False)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
