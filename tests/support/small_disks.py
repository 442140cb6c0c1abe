"""Disks that are full or cannot be written, really: mounts where this machine lets us, limits of a process anywhere."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path


@cache
def mounts_allowed() -> bool:
    """Whether this user may mount (root of a machine or of a container that allows it)."""
    with tempfile.TemporaryDirectory() as directory:
        if subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", directory], capture_output=True
        ).returncode:
            return False
        _mount("umount", directory)
        return True


@contextmanager
def tiny_disk(directory: Path, size: str) -> Iterator[None]:
    """A disk of its own at a directory, empty and of that size."""
    directory.mkdir(parents=True, exist_ok=True)
    _mount("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory))
    try:
        yield
    finally:
        _mount("umount", "--lazy", str(directory))


def grow(directory: Path, size: str) -> None:
    """Give the disk at a directory another size."""
    _mount("mount", "-o", f"remount,size={size}", str(directory))


@contextmanager
def guarded(directory: Path) -> Iterator[None]:
    """A directory that `set_writable` works on until the block ends."""
    if os.geteuid():
        try:
            yield
        finally:
            set_writable(directory, writable=True)
        return
    assert mounts_allowed(), "root may write anywhere: run this as another user, or where mounts are allowed"
    _mount("mount", "--bind", str(directory), str(directory))
    try:
        yield
    finally:
        _mount("umount", "--lazy", str(directory))


def set_writable(directory: Path, *, writable: bool) -> None:
    """Make a guarded directory read-only or writable again: by its mount for root, by its mode for others."""
    if os.geteuid():
        subprocess.run(["chmod", "-R", "u+w" if writable else "a-w", str(directory)], check=True, timeout=30)
    else:
        _mount("mount", "-o", f"remount,bind,{'rw' if writable else 'ro'}", str(directory))


def _mount(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=30)
