"""Under which address a registered directory is recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.errors import UsageError
from interlock.lifecycle.artifact_place import ArtifactPlace, artifact_place

NAME = "support-bot@1-0123456789ab"


def test_bytes_inside_the_repository_are_files_of_the_commit(tmp_path: Path) -> None:
    assert artifact_place(tmp_path, tmp_path / "kept" / "x", NAME, uri=None, copy=False) == ArtifactPlace("file:kept/x")


def test_bytes_outside_are_recorded_under_their_absolute_path(tmp_path: Path) -> None:
    place = artifact_place(tmp_path / "repository", tmp_path / "runs" / "x", NAME, uri=None, copy=False)
    assert place == ArtifactPlace(f"file://{tmp_path}/runs/x")


def test_a_copy_goes_into_a_folder_that_holds_the_digest(tmp_path: Path) -> None:
    place = artifact_place(tmp_path, Path("/elsewhere"), NAME, uri=None, copy=True)
    assert place == ArtifactPlace(f"file:artifacts/{NAME}", f"artifacts/{NAME}")


def test_a_given_address_is_taken_as_it_is(tmp_path: Path) -> None:
    place = artifact_place(tmp_path, tmp_path / "x", NAME, uri="s3://bucket/x", copy=False)
    assert place == ArtifactPlace("s3://bucket/x")


@pytest.mark.parametrize("uri", ["ftp://x", "s3 bucket", "file:../x", "file:///a/../b"])
def test_what_is_no_address_is_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(UsageError, match="cannot be the address"):
        artifact_place(tmp_path, tmp_path / "x", NAME, uri=uri, copy=False)


def test_an_address_and_a_copy_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exclude"):
        artifact_place(tmp_path, tmp_path, NAME, uri="s3://bucket", copy=True)


@pytest.mark.parametrize("folder", ["adapters", "bases", "environments", "policies"])
def test_bytes_among_documents_are_refused(tmp_path: Path, folder: str) -> None:
    with pytest.raises(UsageError, match="documents only"):
        artifact_place(tmp_path, tmp_path / folder / "x", NAME, uri=None, copy=False)


def test_a_path_that_no_address_can_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--copy"):
        artifact_place(tmp_path, Path("/runs/my adapter"), NAME, uri=None, copy=False)
