"""Writing one file of the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.errors import InterlockError
from interlock.lifecycle.file_writing import write_below


def test_a_file_is_replaced_as_a_whole_and_folders_are_made(tmp_path: Path) -> None:
    write_below(tmp_path, "a/b/c.yaml", b"one")
    write_below(tmp_path, "a/b/c.yaml", b"two")
    assert (tmp_path / "a/b/c.yaml").read_bytes() == b"two"
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["c.yaml"]


def test_a_linked_folder_is_never_written_through(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "environments").symlink_to(tmp_path / "outside")
    with pytest.raises(InterlockError, match="is a link"):
        write_below(tmp_path / "root", "environments/dev/pointers/x.yaml", b"")
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_repository_that_is_itself_reached_through_a_link_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_below(tmp_path / "link", "x.yaml", b"x")
    assert (tmp_path / "real" / "x.yaml").read_bytes() == b"x"
