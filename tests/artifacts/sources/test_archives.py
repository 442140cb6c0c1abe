"""Archives: what is kept by its digest comes back exactly, or not at all, when its own address has it no more."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from interlock.artifacts.archiving import archive_artifact
from interlock.artifacts.sources import ArtifactFiles, DirectoryFiles, SourceAccess, open_source
from interlock.artifacts.store import ArtifactStore
from interlock.documents.kinds.adapter_revision import Artifact, Signature
from interlock.documents.tree import WorkingTree
from interlock.errors import ArtifactCorrupt, ArtifactError, ArtifactMissing, ArtifactUnreachable
from support.adapters import artifact_of
from support.sources.places import Place

SETTINGS, TENSORS = "adapter_config.json", "adapter_model.safetensors"
CONTENT = b"bfloat16" * 50_000 + os.urandom(1000)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory of an adapter with a file whose name looks compressed."""
    made = tmp_path / "adapter"
    made.mkdir()
    (made / SETTINGS).write_text('{"r": 8}')
    (made / TENSORS).write_bytes(CONTENT)
    (made / "notes.zst").write_bytes(b"not compressed at all")
    return made


@pytest.fixture
def artifact(directory: Path) -> Artifact:
    return artifact_of(directory)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def kept(artifact: Artifact, directory: Path, archive: Path, *, compress: bool = True) -> Path:
    return archive_artifact(artifact, DirectoryFiles(directory), archive, compress=compress).directory


def opened(artifact: Artifact, *archives: str, access: SourceAccess | None = None) -> ArtifactFiles:
    """The files of an artifact at an address where nothing is any more."""
    gone = artifact.model_copy(update={"uri": "file:///nowhere/at/all"})
    access = replace(access or SourceAccess(), archives=archives)
    return open_source(gone, WorkingTree(Path("/")), access=access)


@pytest.mark.parametrize("compress", [True, False])
def test_what_is_archived_comes_back_when_its_source_is_gone(
    compress: bool, artifact: Artifact, directory: Path, archive: Path, tmp_path: Path
) -> None:
    where = kept(artifact, directory, archive, compress=compress)
    assert where == archive / "sha256" / artifact.digest.hex
    smaller = (where / f"{TENSORS}.zst") if compress else (where / TENSORS)
    assert (smaller.stat().st_size < len(CONTENT) / 10) is compress
    files = opened(artifact, f"file://{archive}")
    assert files.sizes() == {file.path: file.size for file in artifact.files}
    placed = ArtifactStore(tmp_path / "store").place(artifact, files)
    assert {path.name: path.read_bytes() for path in placed.iterdir()} == {
        path.name: path.read_bytes() for path in directory.iterdir()
    }


@pytest.mark.parametrize("compress", [True, False])
def test_an_archived_file_is_read_from_any_byte_on(
    compress: bool, artifact: Artifact, directory: Path, archive: Path
) -> None:
    kept(artifact, directory, archive, compress=compress)
    for start in (1, 300_000, len(CONTENT)):
        with opened(artifact, f"file://{archive}").open(TENSORS, start=start) as stream:
            assert stream.read() == CONTENT[start:]


@pytest.mark.parametrize("place", ["https", "s3"], indirect=True)
@pytest.mark.parametrize("compress", [True, False])
def test_an_archive_may_lie_on_a_server(
    place: Place, compress: bool, artifact: Artifact, directory: Path, archive: Path, tmp_path: Path
) -> None:
    where = kept(artifact, directory, archive, compress=compress)
    files = {f"sha256/{artifact.digest.hex}/{path.name}": path.read_bytes() for path in where.iterdir()}
    there = opened(artifact, place.nowhere, f"{place.put(files)}/", access=place.access)
    assert ArtifactStore(tmp_path / "store").place(artifact, there)


@pytest.mark.parametrize("place", ["https"], indirect=True)
def test_a_signature_is_archived_beside_what_it_is_over(
    place: Place, artifact: Artifact, directory: Path, archive: Path
) -> None:
    (directory / "model.sig").write_bytes(b"signed")
    signature = Signature(format="openssf-model-signing", path="model.sig", signer="trainer-ci")
    signed = artifact.model_copy(update={"signature": signature})
    where = kept(signed, directory, archive)
    files = {f"sha256/{artifact.digest.hex}/{path.name}": path.read_bytes() for path in where.iterdir()}
    for uri in (f"file://{archive}", place.put(files)):
        with opened(signed, uri, access=place.access).open("model.sig") as stream:
            assert stream.read() == b"signed"


def test_the_source_is_asked_first(artifact: Artifact, directory: Path, archive: Path) -> None:
    kept(artifact, directory, archive)
    (directory / SETTINGS).write_text('{"r": 9}')
    access = SourceAccess(archives=(f"file://{archive}",))
    with open_source(artifact, WorkingTree(Path("/")), access=access).open(SETTINGS) as stream:
        assert stream.read() == b'{"r": 9}'


def test_without_an_answer_it_is_told_what_the_source_said(artifact: Artifact, archive: Path) -> None:
    for ask in (opened(artifact).sizes, opened(artifact, f"file://{archive}").sizes):
        with pytest.raises(ArtifactMissing, match="/nowhere/at/all does not exist"):
            ask()


@pytest.mark.parametrize("place", ["https"], indirect=True)
def test_an_archive_that_does_not_answer_may_do_so_later(place: Place, artifact: Artifact) -> None:
    with pytest.raises(ArtifactUnreachable, match="the connection failed"):
        opened(artifact, "https://127.0.0.1:1/archive", access=place.access).sizes()


def damaged(file: Path, data: bytes) -> None:
    file.chmod(0o644)
    file.write_bytes(data)


def test_nothing_of_an_archive_is_believed(artifact: Artifact, directory: Path, archive: Path, tmp_path: Path) -> None:
    file = kept(artifact, directory, archive) / f"{TENSORS}.zst"
    whole = file.read_bytes()
    store = ArtifactStore(tmp_path / "store")
    for data in (
        whole[:-9],
        whole[: len(whole) // 2],
        b"",
        b"no frame",
        whole[:-500] + bytes([whole[-500] ^ 1]) + whole[-499:],
    ):
        damaged(file, data)
        with pytest.raises(ArtifactCorrupt):
            store.place(artifact, opened(artifact, f"file://{archive}"))
        assert not store.has(artifact)


def test_a_small_file_that_unpacks_to_a_large_one_is_not_followed_to_its_end(
    artifact: Artifact, directory: Path, archive: Path, tmp_path: Path
) -> None:
    import zstandard

    bomb = zstandard.ZstdCompressor().compress(bytes(64 << 20))
    damaged(kept(artifact, directory, archive) / f"{TENSORS}.zst", bomb)
    seen: list[int] = []
    with pytest.raises(ArtifactCorrupt, match="has more than"):
        ArtifactStore(tmp_path / "store").place(
            artifact, opened(artifact, f"file://{archive}"), lambda done, _: seen.append(done)
        )
    assert max(seen, default=0) <= artifact.size


def test_a_file_that_needs_much_memory_is_refused(
    artifact: Artifact, directory: Path, archive: Path, tmp_path: Path
) -> None:
    import zstandard

    settings = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    greedy = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    packed = greedy.compress(os.urandom(1 << 20)) + greedy.flush()
    damaged(kept(artifact, directory, archive) / f"{TENSORS}.zst", packed)
    with pytest.raises(ArtifactCorrupt, match="cannot be unpacked"):
        ArtifactStore(tmp_path / "store").place(artifact, opened(artifact, f"file://{archive}"))


def test_other_bytes_are_not_archived_and_leave_nothing(artifact: Artifact, directory: Path, archive: Path) -> None:
    (directory / TENSORS).write_bytes(CONTENT[:-1] + b"?")
    for compress in (True, False):
        with pytest.raises(ArtifactCorrupt, match="has the digest"):
            kept(artifact, directory, archive, compress=compress)
    assert list((archive / "sha256").iterdir()) == []


def test_what_is_archived_already_is_compared_and_not_written_again(
    artifact: Artifact, directory: Path, archive: Path
) -> None:
    where = kept(artifact, directory, archive)
    source = DirectoryFiles(directory.parent / "gone")
    assert not archive_artifact(artifact, source, archive).fresh
    damaged(where / f"{TENSORS}.zst", (where / f"{TENSORS}.zst").read_bytes()[:-20])
    with pytest.raises(ArtifactCorrupt):
        archive_artifact(artifact, source, archive)


def test_an_archive_that_cannot_be_written_says_so(artifact: Artifact, directory: Path, archive: Path) -> None:
    archive.write_text("a file")
    with pytest.raises(ArtifactError, match="cannot be written") as caught:
        kept(artifact, directory, archive)
    assert "--to" in caught.value.remedy
