"""What every source promises to the store and to the checker: on real servers, behind a network that fails."""

from __future__ import annotations

import os
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from interlock.artifacts.sources import UNKNOWN_SIZE, ArtifactFiles, SourceAccess, open_source
from interlock.artifacts.store import ArtifactStore
from interlock.documents.tree import WorkingTree
from interlock.errors import ArtifactCorrupt, ArtifactError, ArtifactMissing, ArtifactUnreachable
from support.sources.places import SECRET, Place, artifact_at

SETTINGS, TENSORS = "adapter_config.json", "adapter_model.safetensors"
FILES = {SETTINGS: b'{"r": 8}', TENSORS: os.urandom(300_000)}
QUERY = "Signature="


def opened(uri: str, access: SourceAccess | None, files: dict[str, bytes] = FILES) -> ArtifactFiles:
    return open_source(artifact_at(uri, files), WorkingTree(Path("/")), access=access)


def at(place: Place, **times: float) -> ArtifactFiles:
    access: SourceAccess = replace(place.access, **times)  # type: ignore[arg-type]  # times are numbers
    return opened(place.put(FILES), access)


def read(files: ArtifactFiles, name: str, start: int = 0) -> bytes:
    with files.open(name, start=start) as stream:
        return stream.read()


def collect(files: ArtifactFiles, into: bytearray) -> None:
    """Read the tensors in small pieces as long as some come."""
    with files.open(TENSORS) as stream:
        while piece := stream.read(1000):
            into += piece


def refused(kind: type[ArtifactError], files: ArtifactFiles, name: str = TENSORS) -> str:
    """What is said about a file that cannot be had; never with a secret in it."""
    with pytest.raises(kind) as caught:
        read(files, name)
    assert caught.value.remedy
    shown = f"{caught.value}\n{''.join(traceback.format_exception(caught.value))}"
    assert SECRET not in shown
    assert QUERY not in shown
    return str(caught.value)


def test_the_files_are_there_with_their_sizes(place: Place) -> None:
    sizes = at(place).sizes()
    assert sizes.keys() == FILES.keys()
    assert all(size in (len(FILES[name]), UNKNOWN_SIZE) for name, size in sizes.items())


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_as_it_was_put_there(place: Place, name: str) -> None:
    assert read(at(place), name) == FILES[name]


def test_a_file_is_read_from_any_byte_on(place: Place) -> None:
    files = at(place)
    for start in (1, 4096, 299_999, 300_000):
        assert read(files, TENSORS, start) == FILES[TENSORS][start:], start


def test_a_read_gives_as_many_bytes_as_were_asked_for(place: Place) -> None:
    with at(place).open(TENSORS) as stream:
        assert [len(stream.read(200_000)) for _ in range(3)] == [200_000, 100_000, 0]


def test_an_empty_file_is_a_file(place: Place) -> None:
    files = {**FILES, "empty.txt": b""}
    assert read(opened(place.put(files), place.access, files), "empty.txt") == b""


def test_the_store_places_them(place: Place, tmp_path: Path) -> None:
    uri = place.put(FILES)
    placed = ArtifactStore(tmp_path / "store").place(artifact_at(uri, FILES), opened(uri, place.access))
    assert {path.name: path.read_bytes() for path in placed.iterdir()} == FILES


def test_several_threads_read_at_once(place: Place) -> None:
    files = at(place)
    with ThreadPoolExecutor(4) as pool:
        assert (
            list(pool.map(lambda name: read(files, name), [TENSORS, SETTINGS] * 3))
            == [
                FILES[TENSORS],
                FILES[SETTINGS],
            ]
            * 3
        )


def test_a_file_that_is_not_there_is_missing(place: Place) -> None:
    files = opened(place.put({SETTINGS: FILES[SETTINGS]}), place.access)
    assert list(files.sizes()) == [SETTINGS]
    refused(ArtifactMissing, files)


def test_where_nothing_is_everything_is_missing(place: Place) -> None:
    files = opened(place.nowhere, place.access)
    with pytest.raises(ArtifactMissing):
        files.sizes()
    refused(ArtifactMissing, files)


def test_what_the_manifest_does_not_name_is_not_asked_for(place: Place) -> None:
    files = opened(place.put({**FILES, "more.bin": b"x"}), place.access)
    before = place.network.connections
    assert files.sizes().keys() == FILES.keys()
    after = place.network.connections
    assert after > before
    for name in ("more.bin", "../x", "", "/etc/passwd"):
        with pytest.raises(ArtifactMissing):
            read(files, name)
    assert place.network.connections == after


def test_other_bytes_of_the_same_size_are_never_placed(place: Place, tmp_path: Path) -> None:
    uri = place.put({**FILES, TENSORS: bytes(300_000)})
    with pytest.raises(ArtifactCorrupt, match="digest"):
        ArtifactStore(tmp_path / "store").place(artifact_at(uri, FILES), opened(uri, place.access))


@pytest.mark.parametrize("size", [299_999, 300_001])
def test_a_file_of_another_size_is_refused_before_it_is_read(place: Place, size: int) -> None:
    told = refused(ArtifactCorrupt, opened(place.put({**FILES, TENSORS: bytes(size)}), place.access))
    assert f"{size} bytes" in told
    assert "300000 bytes" in told


def test_a_connection_that_is_cut_is_told_and_reading_goes_on_where_it_ended(place: Place) -> None:
    files = at(place)
    files.sizes()
    place.network.cut_after = 150_000
    begun = bytearray()
    with pytest.raises(ArtifactUnreachable, match=r"broke off|failed"):
        collect(files, begun)
    assert 0 < len(begun) < 300_000
    place.network.heal()
    assert bytes(begun) + read(files, TENSORS, len(begun)) == FILES[TENSORS]


def test_a_connection_that_is_cut_before_the_answer_is_told(place: Place) -> None:
    place.network.cut_after = 10
    refused(ArtifactUnreachable, at(place))


def test_a_server_that_falls_silent_is_not_waited_for(place: Place) -> None:
    files = at(place, stall_s=0.1)
    files.sizes()
    place.network.silent_after = 100_000
    assert "nothing came for 0.1 s" in refused(ArtifactUnreachable, files)


def test_a_file_has_a_deadline(place: Place) -> None:
    files = at(place, deadline_s=0.1)
    files.sizes()
    place.network.silent_after = 100_000
    assert "not complete after 0.1 s" in refused(ArtifactUnreachable, files)


def test_a_wrong_login_is_told_with_where_logins_are_set(place: Place) -> None:
    told = refused(ArtifactUnreachable, opened(place.put(FILES), place.stranger))
    assert "login that was given is not enough" in told
    assert "docs/sources.md" in told


def test_without_a_login_that_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = replace(place.access, https=(), oci=(), hub=replace(place.access.hub, token=""), s3=tuple(
        replace(one, key_id="", secret_key="", anonymous=True) for one in place.access.s3
    ))  # fmt: skip
    assert "no login was given" in refused(ArtifactUnreachable, opened(place.put(FILES), bare))


def test_a_host_that_is_not_allowed_is_not_even_connected_to(place: Place) -> None:
    uri = place.put(FILES)
    before = place.network.connections
    told = refused(ArtifactUnreachable, opened(uri, replace(place.access, hosts=("*.example.com",))))
    assert "may be asked" in told
    assert place.network.connections == before
    assert read(opened(uri, replace(place.access, hosts=("localhost",))), TENSORS) == FILES[TENSORS]


def test_secrets_are_not_shown_by_what_holds_them(place: Place) -> None:
    access = place.access
    logins = [login.secret for login in (*access.https, *access.oci)] + [keys.secret_key for keys in access.s3]
    secrets = [secret for secret in (*logins, access.hub.token) if secret]
    assert secrets
    assert not [secret for secret in secrets if secret in repr(access)]
