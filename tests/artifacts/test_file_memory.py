"""Digests remembered by the identity of a file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from interlock.artifacts.digests import file_digest
from interlock.artifacts.file_memory import FileMemory
from interlock.errors import ArtifactMissing, ArtifactUnreachable


def test_a_file_changed_behind_its_size_and_time_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"first")
    status, memory = path.stat(), FileMemory()
    first = memory.digest(path)
    path.write_bytes(b"other")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert memory.digest(path) == file_digest(path) != first


def test_a_file_replaced_by_another_is_read_again(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_bytes(b"first")
    other.write_bytes(b"other")
    memory = FileMemory()
    assert memory.digest(path) == file_digest(path)
    other.replace(path)
    assert memory.digest(path) == file_digest(path)


def test_a_file_that_is_gone_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ArtifactMissing, match="does not exist"):
        FileMemory().digest(tmp_path / "file")


def test_the_memory_outlives_the_process_and_a_damaged_record_only_costs_time(tmp_path: Path) -> None:
    path, record = tmp_path / "file", tmp_path / "state" / "digests.json"
    path.write_bytes(b"bytes")
    memory = FileMemory(record)
    digest = memory.digest(path)
    memory.save()
    kept = json.loads(record.read_text())
    assert list(kept) == [str(path)]
    false = "sha256:" + "0" * 64
    record.write_text(json.dumps({str(path): [kept[str(path)][0], false]}))
    assert str(FileMemory(record).digest(path)) == false, "the record is used"
    for damage in ('{"', "[]", '{"a": 1}', '{"a": ["1", "sha256:0"]}', '{"a": []}'):
        record.write_text(damage)
        assert FileMemory(record).digest(path) == digest
    assert sorted(p.name for p in record.parent.iterdir()) == ["digests.json"]


def test_a_memory_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file, not a directory")
    memory = FileMemory(tmp_path / "occupied" / "digests.json")
    with pytest.raises(ArtifactUnreachable, match="cannot be written"):
        memory.save()
