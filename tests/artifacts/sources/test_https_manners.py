"""What a web server may answer instead of a file, and what we make of it: over TLS with an authority of the tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from interlock.artifacts.sources import ArtifactFiles, SourceAccess, open_source
from interlock.artifacts.sources.access import HostLogin
from interlock.artifacts.store import ArtifactStore
from interlock.documents.tree import WorkingTree
from interlock.errors import ArtifactCorrupt, ArtifactError, ArtifactMissing, ArtifactUnreachable, RangeNotSupported
from support.sources.places import artifact_at
from support.sources.web import Asked, Authority, WebServer, make_authority, web_server

NAME, DATA, SECRET = "adapter_model.safetensors", bytes(range(256)) * 40, "token-of-one-host"
SIZE = len(DATA)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


class Web:
    """Servers that answer as a test says; `read` reads from the first one."""

    def __init__(self, authority: Authority, stack: ExitStack) -> None:
        self.authority, self._stack = authority, stack
        self.access = SourceAccess(connect_s=2, stall_s=2, deadline_s=5, ca_file=authority.file)

    def serve(self, answer: Callable[[Asked], None], *, tls: bool = True) -> WebServer:
        return self._stack.enter_context(web_server(answer, self.authority if tls else None))

    def files(self, server: WebServer, **changes: Any) -> ArtifactFiles:
        login = HostLogin(server.host, secret=SECRET)
        access = replace(self.access, **{"https": (login,), **changes})
        return open_source(artifact_at(f"{server.url}/a", {NAME: DATA}), WorkingTree(Path("/")), access=access)

    def read(self, server: WebServer, start: int = 0, **changes: Any) -> bytes:
        with self.files(server, **changes).open(NAME, start=start) as stream:
            return stream.read()


@pytest.fixture
def web(authority: Authority) -> Iterator[Web]:
    with ExitStack() as stack:
        yield Web(authority, stack)


def told(
    web: Web, answer: Callable[[Asked], None], kind: type[ArtifactError] = ArtifactUnreachable, **more: Any
) -> str:
    """What is said about an answer; never with the token in it."""
    with pytest.raises(kind) as caught:
        web.read(web.serve(answer), **more)
    assert caught.value.remedy or kind is RangeNotSupported
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_a_server_that_ignores_ranges_is_read_whole_or_not_at_all(web: Web) -> None:
    server = web.serve(lambda asked: asked.reply(200, {}, DATA))
    assert web.read(server) == DATA
    with pytest.raises(RangeNotSupported):
        web.read(server, start=10)


@pytest.mark.parametrize(
    ("found", "kind", "words"),
    [
        ("bytes 0-10239/10240", ArtifactUnreachable, "another part"),
        ("bytes 100-199/10240", ArtifactUnreachable, "less than was asked for"),
        ("bytes 100-10239/10241", ArtifactCorrupt, "10241 bytes"),
        ("bytes 100-10239/999999999999999999999999", ArtifactUnreachable, "another part"),
        ("pages 1-2", ArtifactUnreachable, "another part"),
        ("", ArtifactUnreachable, "another part"),
    ],
)
def test_a_part_that_is_another_one_is_refused(web: Web, found: str, kind: type[ArtifactError], words: str) -> None:
    assert words in told(web, lambda asked: asked.reply(206, {"Content-Range": found}, DATA[100:]), kind, start=100)


def test_a_part_of_a_file_without_known_size_is_taken(web: Web) -> None:
    server = web.serve(lambda asked: asked.reply(206, {"Content-Range": f"bytes 100-{SIZE - 1}/*"}, DATA[100:]))
    assert web.read(server, start=100) == DATA[100:]


def test_a_part_that_nobody_asked_for_is_refused(web: Web) -> None:
    answer = f"bytes 0-99/{SIZE}"
    assert "the whole was asked for" in told(web, lambda asked: asked.reply(206, {"Content-Range": answer}, DATA[:100]))


def endless(asked: Asked) -> None:
    asked.begin(200, {"Transfer-Encoding": "chunked"})
    while True:
        asked.wfile.write(b"1000\r\n" + bytes(4096) + b"\r\n")


def test_a_body_without_end_is_read_one_byte_too_far_and_refused_by_the_store(web: Web, tmp_path: Path) -> None:
    server = web.serve(endless)
    assert len(web.read(server)) == SIZE + 1
    artifact = artifact_at(f"{server.url}/a", {NAME: DATA})
    with pytest.raises(ArtifactCorrupt, match="more than"):
        ArtifactStore(tmp_path).place(artifact, web.files(server))


def chunked(asked: Asked, *, whole: bool) -> None:
    asked.begin(200, {"Transfer-Encoding": "chunked"})
    asked.wfile.write(b"%x\r\n%s\r\n" % (SIZE, DATA) + (b"0\r\n\r\n" if whole else b""))
    asked.close_connection = True


def test_a_body_in_chunks_is_whole_or_broken_off(web: Web) -> None:
    assert web.read(web.serve(lambda asked: chunked(asked, whole=True))) == DATA
    assert "broke off" in told(web, cut_in_a_chunk)


def cut_in_a_chunk(asked: Asked) -> None:
    asked.begin(200, {"Transfer-Encoding": "chunked"})
    asked.wfile.write(b"%x\r\n" % SIZE + DATA[:1000])
    asked.close_connection = True


def truncated(asked: Asked) -> None:
    asked.begin(200, {"Content-Length": str(SIZE)})
    asked.wfile.write(DATA[:-1])
    asked.close_connection = True


def test_a_body_that_ends_early_is_told(web: Web) -> None:
    assert f"broke off after {SIZE - 1} bytes" in told(web, truncated)


def until_it_is_closed(asked: Asked) -> None:
    asked.begin(200, {})
    asked.wfile.write(DATA[:-1])
    asked.close_connection = True


def test_a_body_without_a_length_that_ends_early_is_told(web: Web) -> None:
    assert f"broke off after {SIZE - 1} bytes" in told(web, until_it_is_closed)


def trickle(asked: Asked) -> None:
    asked.begin(200, {"Content-Length": str(SIZE)})
    for byte in DATA:
        asked.wfile.write(bytes([byte]))
        time.sleep(0.01)


def test_one_byte_at_a_time_does_not_hold_us_longer_than_the_deadline(web: Web) -> None:
    began = time.monotonic()
    with pytest.raises(ArtifactUnreachable, match="not complete after"):
        web.read(web.serve(trickle), deadline_s=0.15)
    assert time.monotonic() - began < 2


def endless_headers(asked: Asked) -> None:
    asked.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        asked.wfile.write(b"X-More: 1\r\n")


@pytest.mark.parametrize("raw", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 twohundred\r\n\r\n", b"", b"\0" * 70_000])
def test_what_is_no_http_is_told(web: Web, raw: bytes) -> None:
    def answer(asked: Asked) -> None:
        asked.wfile.write(raw)
        asked.close_connection = True

    assert "not HTTP" in told(web, answer) or not raw


def test_headers_without_end_are_refused(web: Web) -> None:
    assert "not HTTP" in told(web, endless_headers)


def test_a_compressed_body_is_refused(web: Web) -> None:
    assert "compressed" in told(web, lambda asked: asked.reply(200, {"Content-Encoding": "gzip"}, DATA))


@pytest.mark.parametrize(
    ("status", "headers", "kind", "words"),
    [
        (401, {}, ArtifactUnreachable, "login that was given is not enough"),
        (403, {}, ArtifactUnreachable, "HTTP 403"),
        (404, {}, ArtifactMissing, "is not there"),
        (410, {}, ArtifactMissing, "is not there"),
        (416, {}, ArtifactCorrupt, "shorter than the manifest says"),
        (429, {"Retry-After": "17"}, ArtifactUnreachable, "come back after 17 s"),
        (429, {"Retry-After": "\x1b[31m"}, ArtifactUnreachable, "HTTP 429\n"),
        (500, {}, ArtifactUnreachable, "HTTP 500"),
        (503, {"Retry-After": "5"}, ArtifactUnreachable, "come back after 5 s"),
        (204, {}, ArtifactUnreachable, "HTTP 204"),
        (302, {}, ArtifactUnreachable, "redirects"),
    ],
)
def test_each_refusal_has_its_meaning(
    web: Web, status: int, headers: dict[str, str], kind: type[ArtifactError], words: str
) -> None:
    assert words in told(web, lambda asked: asked.reply(status, headers, SECRET.encode()), kind)


def to(target: str) -> Callable[[Asked], None]:
    return lambda asked: asked.reply(302, {"Location": target})


def test_a_redirect_on_the_same_host_keeps_the_login(web: Web) -> None:
    def answer(asked: Asked) -> None:
        asked.give(DATA) if asked.path == "/moved" else asked.reply(307, {"Location": "/moved"})

    server = web.serve(answer)
    assert web.read(server, start=5) == DATA[5:]
    assert [seen.headers.get("Authorization") for seen in server.seen] == [f"Bearer {SECRET}"] * 2


def test_a_redirect_to_another_host_takes_no_login_along(web: Web) -> None:
    other = web.serve(lambda asked: asked.give(DATA))
    server = web.serve(to(f"{other.url}/x?Signature=abc"))
    assert web.read(server, start=5) == DATA[5:]
    assert "Authorization" in server.seen[0].headers
    assert "Authorization" not in other.seen[0].headers
    assert other.seen[0].headers["Range"] == "bytes=5-"


def test_a_redirect_without_tls_is_not_followed(web: Web) -> None:
    plain = web.serve(lambda asked: asked.give(DATA), tls=False)
    assert "is not https" in told(web, to(f"{plain.url}/x"))
    assert plain.seen == []


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "https://u:p@localhost/", "https://", "https://[::1", "//", "https://h/\u00e9"]
)
def test_a_redirect_to_what_is_no_web_address_is_not_followed(web: Web, target: str) -> None:
    assert "the server redirects" in told(web, to(target))


def test_a_redirect_to_a_host_that_is_not_allowed_is_not_followed(web: Web) -> None:
    other = web.serve(lambda asked: asked.give(DATA))
    server = web.serve(to(f"{other.url}/x"))
    with pytest.raises(ArtifactUnreachable, match="may be asked"):
        web.read(server, hosts=(server.host,))
    assert other.seen == []
    assert web.read(server, hosts=(server.host, other.host)) == DATA


def test_redirects_in_a_circle_end(web: Web) -> None:
    assert "more than 5 times" in told(web, to("/again"))


def test_a_certificate_of_a_stranger_is_not_trusted(web: Web, tmp_path: Path) -> None:
    server = web.serve(lambda asked: asked.give(DATA))
    with pytest.raises(ArtifactUnreachable, match="certificate is not trusted"):
        web.read(server, ca_file=None)
    with pytest.raises(ArtifactUnreachable, match="cannot be read"):
        web.read(server, ca_file=tmp_path / "absent.pem")
    assert server.seen == []


def test_a_certificate_for_another_name_is_not_trusted(web: Web, tmp_path: Path) -> None:
    other = make_authority(tmp_path, "another.example.com")
    with (
        web_server(lambda asked: asked.give(DATA), other) as server,
        pytest.raises(ArtifactUnreachable, match="certificate is not trusted"),
    ):
        web.read(server, ca_file=other.file)


def test_where_nobody_listens_that_is_told(web: Web) -> None:
    with web_server(lambda asked: None, web.authority) as server:
        pass
    with pytest.raises(ArtifactUnreachable, match="the connection failed: Connection refused"):
        web.read(server)


def test_a_host_without_an_address_is_told(web: Web) -> None:
    artifact = artifact_at("https://nowhere.invalid/a", {NAME: DATA})
    files = open_source(artifact, WorkingTree(Path("/")), access=web.access)
    with pytest.raises(ArtifactUnreachable, match="the connection failed"), files.open(NAME):
        pass


def test_sizes_of_a_server_without_head_are_unknown_and_one_that_lacks_files_is_missing_them(web: Web) -> None:
    server = web.serve(lambda asked: asked.reply(405 if asked.command == "HEAD" else 200, {}, DATA))
    assert web.files(server).sizes() == {NAME: -1}
    with pytest.raises(ArtifactMissing), suppress(ArtifactUnreachable):
        web.files(web.serve(lambda asked: asked.reply(404))).sizes()
