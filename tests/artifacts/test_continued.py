"""Bringing bytes in several attempts, on several threads: what was brought is used again, and never believed."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from interlock.artifacts.digests import CHUNK, describe_directory, file_set_digest
from interlock.artifacts.sources import ArtifactFiles
from interlock.artifacts.store import ArtifactStore
from interlock.documents.identifiers import Digest
from interlock.documents.kinds.adapter_revision import Artifact
from interlock.errors import ArtifactArriving, ArtifactCorrupt, ArtifactUnreachable, RangeNotSupported

MODEL, SECOND = "adapter_model.safetensors", "second.safetensors"
SIZE = 5 * CHUNK // 2


class Faltering:
    """A source whose streams break off after `breaks_after` bytes; notes where each stream began."""

    label = "a faltering source"

    def __init__(self, directory: Path, *, breaks_after: int | None = None, ranges: bool = True) -> None:
        self.directory, self.breaks_after, self.ranges = directory, breaks_after, ranges
        self.opened: list[tuple[str, int]] = []

    def sizes(self) -> Mapping[str, int]:
        return {path.name: path.stat().st_size for path in self.directory.iterdir()}

    @contextmanager
    def open(self, name: str, *, start: int = 0) -> Iterator[BinaryIO]:
        self.opened.append((name, start))
        if start and not self.ranges:
            raise RangeNotSupported(f"{name} is given out whole only")
        data = (self.directory / name).read_bytes()[start:]
        yield _Breaking(data, len(data) if self.breaks_after is None else self.breaks_after)


class _Breaking(io.BytesIO):
    def __init__(self, data: bytes, end: int) -> None:
        super().__init__(data)
        self.end = end

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= self.end and self.end < len(self.getvalue()):
            raise ArtifactUnreachable("the connection was cut")
        return super().read(min(size or 0, self.end - self.tell()) if self.end < len(self.getvalue()) else size)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "adapter"
    directory.mkdir()
    (directory / MODEL).write_bytes(os.urandom(SIZE))
    (directory / "adapter_config.json").write_text("{}")
    return directory


@pytest.fixture
def artifact(directory: Path) -> Artifact:
    return described(directory)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


def described(directory: Path) -> Artifact:
    files = describe_directory(directory)
    return Artifact(uri=f"file://{directory}", digest=file_set_digest(files), files=files)


def partial(store: ArtifactStore, artifact: Artifact) -> Path:
    return store.root / "partial" / artifact.digest.hex


def interrupted(store: ArtifactStore, artifact: Artifact, directory: Path, after: int = CHUNK + 5) -> None:
    """Bring the first bytes of the model and lose the source."""
    with pytest.raises(ArtifactUnreachable, match="the connection was cut"):
        store.place(artifact, Faltering(directory, breaks_after=after))
    assert (partial(store, artifact) / MODEL).stat().st_size == after
    assert not store.has(artifact)


def test_a_placement_goes_on_where_it_was_interrupted(
    store: ArtifactStore, artifact: Artifact, directory: Path
) -> None:
    interrupted(store, artifact, directory)
    assert store.lacks(artifact) == artifact.size - CHUNK - 5
    source, calls = Faltering(directory), list[int]()
    placed = store.place(artifact, source, lambda done, _: calls.append(done))
    assert source.opened == [(MODEL, CHUNK + 5), ("adapter_config.json", 0)]
    assert calls[-1] == artifact.size
    assert calls == sorted(calls)
    assert (placed / MODEL).read_bytes() == (directory / MODEL).read_bytes()
    assert store.verify(artifact) == placed
    assert (store.lacks(artifact), list((store.root / "partial").iterdir())) == (0, [])


def test_a_source_without_ranges_is_read_again_from_the_start(
    store: ArtifactStore, artifact: Artifact, directory: Path
) -> None:
    interrupted(store, artifact, directory)
    source = Faltering(directory, ranges=False)
    store.place(artifact, source)
    assert source.opened[:2] == [(MODEL, CHUNK + 5), (MODEL, 0)]
    store.verify(artifact)


def _flip(file: Path) -> None:
    file.write_bytes(b"?" + file.read_bytes()[1:])


def _lengthen(file: Path) -> None:
    file.write_bytes(bytes(SIZE + 1))


def _fill(file: Path) -> None:
    file.write_bytes(bytes(SIZE))


def _link(file: Path) -> None:
    file.rename(file.parent.parent / "elsewhere")
    file.symlink_to(file.parent.parent / "elsewhere")


def _directory(file: Path) -> None:
    file.unlink()
    file.mkdir()
    (file / "more").touch()


def _strange(file: Path) -> None:
    (file.parent / "adapter_model.bin").touch()


@pytest.mark.parametrize("damage", [_flip, _lengthen, _fill, _link, _directory, _strange])
def test_what_lies_there_is_never_believed(
    damage: Callable[[Path], None], store: ArtifactStore, artifact: Artifact, directory: Path
) -> None:
    interrupted(store, artifact, directory)
    damage(partial(store, artifact) / MODEL)
    placed = store.place(artifact, Faltering(directory))
    assert store.verify(artifact) == placed
    assert {path.name for path in placed.iterdir()} == {MODEL, "adapter_config.json"}


def test_a_source_that_changed_since_is_refused_and_nothing_is_kept(
    store: ArtifactStore, artifact: Artifact, directory: Path
) -> None:
    interrupted(store, artifact, directory)
    (directory / MODEL).write_bytes(os.urandom(SIZE))
    with pytest.raises(ArtifactCorrupt, match=f"{MODEL} from a faltering source has the digest"):
        store.place(artifact, Faltering(directory))
    assert not partial(store, artifact).exists()


def test_whoever_is_asked_to_stop_says_how_far_it_came_and_goes_on_later(
    store: ArtifactStore, artifact: Artifact, directory: Path
) -> None:
    answers = iter([False, True])
    with pytest.raises(ArtifactArriving, match=f"{2 * CHUNK} of {artifact.size} bytes from a faltering source are"):
        store.place(artifact, Faltering(directory), stop=lambda: next(answers))
    source, calls = Faltering(directory), list[int]()
    store.place(artifact, source, lambda done, _: calls.append(done))
    assert source.opened[0] == (MODEL, 2 * CHUNK)
    assert calls[0] == 2 * CHUNK, "what this process has hashed is not hashed again"


def test_a_process_that_hashed_nothing_yet_believes_nothing(
    store: ArtifactStore, artifact: Artifact, directory: Path
) -> None:
    with pytest.raises(ArtifactArriving):
        store.place(artifact, Faltering(directory), stop=lambda: True)
    calls: list[int] = []
    ArtifactStore(store.root).place(artifact, Faltering(directory), lambda done, _: calls.append(done))
    assert calls[:2] == [CHUNK, 2 * CHUNK]


def test_artifacts_are_verified_ahead_each_once_and_none_long_before_it_is_asked_for(
    store: ArtifactStore, tmp_path: Path
) -> None:
    artifacts = [artifact for artifact, where in several(tmp_path, 4) if store.place(artifact, Faltering(where))]

    def damage(number: int) -> None:
        (store.path_of(artifacts[number]) / MODEL).chmod(0o644)
        _flip(store.path_of(artifacts[number]) / MODEL)

    damage(1)
    with store.verifying_ahead(artifacts):
        damage(3)
        assert store.verify(artifacts[0]) == store.path_of(artifacts[0])
        for number in (1, 3):
            with pytest.raises(ArtifactCorrupt):
                store.verify(artifacts[number])
        damage(0)
        with pytest.raises(ArtifactCorrupt):
            store.verify(artifacts[0])
        assert store.verify(artifacts[2])


class Meeting(Faltering):
    """A source whose large files are given out to two at once only."""

    def __init__(self, directory: Path, both: threading.Barrier) -> None:
        super().__init__(directory)
        self.both = both

    @contextmanager
    def open(self, name: str, *, start: int = 0) -> Iterator[BinaryIO]:
        if name in (MODEL, SECOND):
            self.both.wait()
        with super().open(name, start=start) as stream:
            yield stream


def test_files_are_brought_at_the_same_time(store: ArtifactStore, directory: Path) -> None:
    (directory / SECOND).write_bytes(os.urandom(SIZE))
    artifact = described(directory)
    store.place(artifact, Meeting(directory, threading.Barrier(2, timeout=30)))
    assert store.verify(artifact)


def several(tmp_path: Path, count: int) -> list[tuple[Artifact, Path]]:
    found = []
    for number in range(count):
        directory = tmp_path / str(number)
        directory.mkdir()
        (directory / MODEL).write_bytes(bytes([number]) * 1000)
        found.append((described(directory), directory))
    return found


def test_artifacts_are_brought_at_the_same_time_and_what_nobody_asked_for_is_left_off(
    store: ArtifactStore, tmp_path: Path
) -> None:
    both = threading.Barrier(2, timeout=30)
    found = several(tmp_path, 4)
    sources: dict[Digest, ArtifactFiles] = {artifact.digest: Meeting(where, both) for artifact, where in found[:2]}
    sources |= {artifact.digest: Faltering(where) for artifact, where in found[2:]}
    (one, _), (two, _), (three, where), (four, _) = found
    _flip(where / MODEL)
    with store.bringing_ahead(sources, [one, two, three, four], lambda: False):
        for artifact in (one, two):
            place = store.place if artifact is one else store.replace_corrupt
            assert place(artifact, sources[artifact.digest]) == store.verify(artifact)
        with pytest.raises(ArtifactCorrupt, match="has the digest"):
            store.place(three, sources[three.digest])
    assert [path.name for path in (store.root / "partial").iterdir()] in ([], [four.digest.hex])
    assert store.place(four, sources[four.digest])


def test_the_reason_is_told_and_not_that_others_stopped_because_of_it(store: ArtifactStore, directory: Path) -> None:
    (directory / SECOND).write_bytes(os.urandom(2 * SIZE))
    artifact = described(directory)
    _flip(directory / MODEL)
    with pytest.raises(ArtifactCorrupt, match=MODEL):
        store.place(artifact, Faltering(directory))
    assert list((store.root / "partial").iterdir()) == []
