"""The same mirror over real HTTP: large blobs stay away until they are read, and a token goes to its server only."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

from interlock.errors import ArtifactUnreachable, HistoryError, HistoryRewritten, RemoteUnreachable
from support.git_remotes import HttpRemote, MirrorOf, Published, http_server, served_over_http

TOKEN = "ghs_notARealToken"
LARGE = os.urandom(600_000)
"""More than the mirror takes along, and not compressible."""


@pytest.fixture
def http(published: Published) -> Iterator[HttpRemote]:
    """`published` over HTTP."""
    with served_over_http(published.remote.parent) as remote:
        yield remote


def url_of(remote: HttpRemote) -> str:
    return f"{remote.address}/remote.git"


def test_a_commit_is_polled_and_fetched_over_http(published: Published, http: HttpRemote, mirror_of: MirrorOf) -> None:
    mirror = mirror_of(url_of(http))
    first = published.commit({"a.yaml": "a: 1\n"})
    assert mirror.remote_tips().head == first
    assert mirror.fetch(None) == first
    second = published.commit({"a.yaml": "a: 2\n"})
    assert mirror.fetch(first) == second


def test_a_force_push_is_refused_over_http_too(published: Published, http: HttpRemote, mirror_of: MirrorOf) -> None:
    accepted = published.commit({"a.yaml": "a: 1\n"})
    mirror = mirror_of(url_of(http))
    mirror.fetch(None)
    published.amend({"a.yaml": "a: 2\n"})
    with pytest.raises(HistoryRewritten):
        mirror.fetch(accepted)


def test_a_large_blob_is_downloaded_when_it_is_read(
    published: Published, http: HttpRemote, mirror_of: MirrorOf
) -> None:
    commit = published.commit({"adapter.safetensors": LARGE, "a.yaml": "a: 1\n"})
    mirror = mirror_of(url_of(http))
    mirror.fetch(None)
    assert _stored(mirror.repository.root) < 100_000
    requests = len(http.authorizations)
    with mirror.repository.commit_tree(commit) as tree:
        assert set(tree.entries()) == {"adapter.safetensors", "a.yaml"}
        assert tree.read("a.yaml", limit=100) == b"a: 1\n"
        assert len(http.authorizations) == requests, "listing files and reading small ones needs no network"
        with tree.open("adapter.safetensors") as stream:
            assert stream.read() == LARGE
        assert len(http.authorizations) > requests
        assert tree.read("adapter.safetensors", limit=len(LARGE)) == LARGE


def test_a_large_blob_that_was_read_is_there_when_the_remote_is_gone(published: Published, mirror_of: MirrorOf) -> None:
    commit = published.commit({"adapter.safetensors": LARGE})
    with served_over_http(published.remote.parent) as remote:
        mirror = mirror_of(url_of(remote))
        mirror.fetch(None)
        with mirror.repository.commit_tree(commit) as tree, tree.open("adapter.safetensors") as stream:
            stream.read()
    with mirror.repository.commit_tree(commit) as tree, tree.open("adapter.safetensors") as stream:
        assert stream.read() == LARGE


def test_a_blob_that_cannot_be_downloaded_is_unreachable_and_never_short(
    published: Published, mirror_of: MirrorOf
) -> None:
    commit = published.commit({"adapter.safetensors": LARGE})
    with served_over_http(published.remote.parent) as remote:
        mirror = mirror_of(url_of(remote))
        mirror.fetch(None)
    with mirror.repository.commit_tree(commit) as tree:
        with tree.open("adapter.safetensors") as stream, pytest.raises(ArtifactUnreachable) as error:
            stream.read()
        assert "adapter.safetensors of commit" in error.value.found
        assert "promisor remote" in error.value.found
        with pytest.raises(RemoteUnreachable, match="is not here yet and cannot be downloaded"):
            tree.read("adapter.safetensors", limit=1 << 20)


def test_a_blob_whose_download_hangs_is_unreachable_within_the_deadline(
    published: Published, mirror_of: MirrorOf
) -> None:
    commit = published.commit({"adapter.safetensors": LARGE})
    with served_over_http(published.remote.parent) as remote:
        mirror_of(url_of(remote)).fetch(None)
    with silent_server() as address:
        mirror = mirror_of(f"{address}/remote.git", timeout=0.4)
        begin = time.monotonic()
        with mirror.repository.commit_tree(commit) as tree:
            with tree.open("adapter.safetensors") as stream, pytest.raises(ArtifactUnreachable, match=r"0\.4 seconds"):
                stream.read()
            with pytest.raises(RemoteUnreachable, match="in time"):
                tree.read("adapter.safetensors", limit=1 << 20)
        assert time.monotonic() - begin < 15


@contextmanager
def silent_server() -> Iterator[str]:
    """A server that takes requests and answers only when the other side has given up."""

    class Silent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.connection.recv(1)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the name is the standard library's
            """Say nothing on standard error."""

    with http_server(Silent) as address:
        yield address


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-git-upload-pack-advertisement", b"zzzz\n\0not a packet line"),
        ("application/x-git-upload-pack-advertisement", b"001e# service=git-upload-pack\n00000010nonsense\n0000"),
        ("text/plain", b"not-a-commit\trefs/heads/main\n"),
    ],
)
def test_a_remote_that_answers_garbage_raises_remote_unreachable(kind: str, body: bytes, mirror_of: MirrorOf) -> None:
    with http_server(always(kind, body)) as address:
        mirror = mirror_of(f"{address}/remote.git", timeout=5.0)
        with pytest.raises(RemoteUnreachable):
            mirror.remote_tips()
        with pytest.raises(RemoteUnreachable):
            mirror.fetch(None)


def test_a_login_page_in_place_of_a_repository_has_no_branches(mirror_of: MirrorOf) -> None:
    with http_server(always("text/html", b"<html>Please log in</html>")) as address:
        mirror = mirror_of(f"{address}/remote.git", timeout=5.0)
        with pytest.raises(HistoryError, match="has no branch main"):
            mirror.remote_tips()
        with pytest.raises(RemoteUnreachable):
            mirror.fetch(None)


def always(kind: str, body: bytes) -> type[BaseHTTPRequestHandler]:
    """A handler that gives every request the same answer."""

    class Always(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the name is the standard library's
            """Say nothing on standard error."""

    return Always


def test_a_token_opens_a_remote_that_asks_for_one(published: Published, mirror_of: MirrorOf) -> None:
    commit = published.commit({"adapter.safetensors": LARGE})
    with served_over_http(published.remote.parent, token=TOKEN) as remote:
        mirror = mirror_of(url_of(remote), token=TOKEN)
        assert mirror.remote_tips().head == mirror.fetch(None) == commit
        with mirror.repository.commit_tree(commit) as tree, tree.open("adapter.safetensors") as stream:
            assert stream.read() == LARGE


def test_a_wrong_token_is_a_clear_error_without_the_token(published: Published, mirror_of: MirrorOf) -> None:
    with served_over_http(published.remote.parent, token=TOKEN) as remote:
        with pytest.raises(RemoteUnreachable) as error:
            mirror_of(url_of(remote), token="wrong-token").remote_tips()
        assert "credentials" in error.value.remedy
        assert "wrong-token" not in str(error.value)
        assert set(remote.authorizations) != {""}


def test_a_token_is_neither_in_the_mirror_nor_in_an_argument_list(published: Published, mirror_of: MirrorOf) -> None:
    with served_over_http(published.remote.parent, token=TOKEN) as remote:
        mirror = mirror_of(url_of(remote), token=TOKEN)
        mirror.fetch(None)
    kept = b"".join(path.read_bytes() for path in mirror.repository.root.rglob("*") if path.is_file())
    assert TOKEN.encode() not in kept
    assert not any("extraHeader" in word for word in mirror.repository.git.arguments("fetch"))
    assert TOKEN not in repr(mirror.repository.git)


def test_a_redirection_never_carries_the_token_to_another_server(published: Published, mirror_of: MirrorOf) -> None:
    with (
        served_over_http(published.remote.parent) as other,
        served_over_http(published.remote.parent, redirect_to=other.address) as moved,
    ):
        with pytest.raises(RemoteUnreachable):
            mirror_of(url_of(moved), token=TOKEN).remote_tips()
        assert len(moved.authorizations) > 0
        assert other.authorizations == []


def _stored(directory: os.PathLike[str]) -> int:
    return sum(
        entry.stat().st_size for root, _, files in os.walk(directory) for entry in os.scandir(root) if entry.is_file()
    )
