"""Digests of files and file sets, and what may not lie in an adapter's directory."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from interlock.artifacts.digests import CHUNK, PICKLE_SUFFIXES, describe_directory, file_digest, file_set_digest
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import ArtifactFile
from interlock.errors import ArtifactCorrupt, ArtifactMissing
from support.adapters import write_adapter, write_base


def _adapter(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "adapter", base_config=write_base(tmp_path / "base"))


def test_a_file_digest_is_the_sha256_of_its_bytes(tmp_path: Path) -> None:
    data = os.urandom(2 * CHUNK + 7)
    (tmp_path / "file").write_bytes(data)
    expected = Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")
    assert file_digest(tmp_path / "file") == expected
    assert file_digest(io.BytesIO(data)) == expected


def test_a_missing_file_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(ArtifactMissing, match="does not exist"):
        file_digest(tmp_path / "nothing")


def test_a_file_set_digest_does_not_depend_on_the_order_and_sorts_names_by_their_bytes() -> None:
    def file(name: str) -> ArtifactFile:
        return ArtifactFile(path=name, digest=Digest("sha256:" + hashlib.sha256(name.encode()).hexdigest()), size=3)

    names = ["B", "a", "é", "z", "a.b", "aa"]
    lines = "".join(f"{hashlib.sha256(n.encode()).hexdigest()}  3  {n}\n" for n in ["B", "a", "a.b", "aa", "z", "é"])
    expected = f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
    assert str(file_set_digest(file(name) for name in names)) == expected
    assert str(file_set_digest(file(name) for name in reversed(names))) == expected


def test_describing_an_adapter_lists_its_files_and_reports_progress(tmp_path: Path) -> None:
    directory = _adapter(tmp_path)
    calls: list[tuple[int, int]] = []
    files = describe_directory(directory, lambda done, total: calls.append((done, total)))
    assert [file.path for file in files] == ["adapter_config.json", "adapter_model.safetensors"]
    for file in files:
        assert file.size == (directory / file.path).stat().st_size
        assert file.digest == file_digest(directory / file.path)
    size = sum(file.size for file in files)
    assert calls[-1] == (size, size)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_a_directory_may_be_reached_through_a_link(tmp_path: Path) -> None:
    directory = _adapter(tmp_path)
    (tmp_path / "link").symlink_to(directory)
    assert describe_directory(tmp_path / "link") == describe_directory(directory)


@pytest.mark.parametrize("suffix", PICKLE_SUFFIXES)
def test_a_pickle_in_an_adapter_is_refused(tmp_path: Path, suffix: str) -> None:
    directory = _adapter(tmp_path)
    (directory / f"Training{suffix.upper()}").write_bytes(b"")
    with pytest.raises(ArtifactCorrupt, match="is a pickle"):
        describe_directory(directory)


def test_a_link_in_an_adapter_is_refused(tmp_path: Path) -> None:
    directory = _adapter(tmp_path)
    (directory / "passwords.txt").symlink_to("/etc/passwd")
    with pytest.raises(ArtifactCorrupt, match=r"passwords\.txt is a symbolic link"):
        describe_directory(directory)


def test_a_directory_in_an_adapter_is_refused(tmp_path: Path) -> None:
    directory = _adapter(tmp_path)
    (directory / "checkpoint-100").mkdir()
    with pytest.raises(ArtifactCorrupt, match="checkpoint-100 is a directory"):
        describe_directory(directory)


def test_a_pipe_in_an_adapter_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    directory = _adapter(tmp_path)
    os.mkfifo(directory / "pipe")
    with pytest.raises(ArtifactCorrupt, match="pipe is a special file"):
        describe_directory(directory)


def test_a_hidden_file_in_an_adapter_is_refused(tmp_path: Path) -> None:
    directory = _adapter(tmp_path)
    (directory / ".gitattributes").write_text("")
    with pytest.raises(ArtifactCorrupt, match="hidden file"):
        describe_directory(directory)


def test_a_name_that_no_manifest_can_hold_is_refused(tmp_path: Path) -> None:
    directory = _adapter(tmp_path)
    (directory / "two\nlines").write_text("")
    with pytest.raises(ArtifactCorrupt, match="two\\\\nlines"):
        describe_directory(directory)


def test_too_many_files_are_refused_before_any_is_read(tmp_path: Path) -> None:
    for number in range(65):
        (tmp_path / f"{number}.txt").write_text("")
    with pytest.raises(ArtifactCorrupt, match="holds 65 files"):
        describe_directory(tmp_path)


def test_an_empty_directory_and_no_directory_are_missing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactMissing, match="is empty"):
        describe_directory(tmp_path / "empty")
    with pytest.raises(ArtifactMissing, match="does not exist"):
        describe_directory(tmp_path / "nothing")
