"""A bare remote with a developer's clone of it, served from disk or over real HTTP.

    published = publish(tmp_path)
    first = published.commit({"environments/dev/pointers/bot.yaml": 'active: "1"\n'})

Everything is real git with a fixed identity and no configuration of this machine.
"""

from __future__ import annotations

import atexit
import base64
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

from interlock.history.mirror import Mirror
from support.repositories import Repository

MAIN = "refs/heads/main"


class MirrorOf(Protocol):
    """Makes the mirror of an address; `timeout` in seconds."""

    def __call__(self, url: str, *, branch: str = "main", token: str = "", timeout: float = 20.0) -> Mirror: ...


@dataclass(frozen=True)
class Published:
    """A bare repository at `remote`, and the clone in which a developer works."""

    remote: Path
    work: Repository

    @property
    def url(self) -> str:
        """The address of the remote on this machine."""
        return f"file://{self.remote}"

    def commit(self, files: Mapping[str, str | bytes | None], message: str = "change") -> str:
        """Write files (None removes one), commit and push them; returns the commit."""
        for path, content in files.items():
            if content is None:
                self.work.remove(path)
            else:
                self.work.write(path, content)
        commit = self.work.commit(message)
        self.push()
        return commit

    def push(self, *options: str, what: str = "HEAD", to: str = MAIN) -> None:
        """Push a commit to a ref of the remote."""
        self.work.git("push", "--quiet", *options, "origin", f"{what}:{to}")

    def go_back_to(self, commit: str) -> None:
        """Put the developer's clone on another commit; the next push of it needs force."""
        self.work.git("reset", "--quiet", "--hard", commit)

    def amend(self, files: Mapping[str, str | bytes | None]) -> str:
        """Rewrite the last commit and force it onto the remote; returns the new commit."""
        self.go_back_to("HEAD^")
        for path, content in files.items():
            assert content is not None
            self.work.write(path, content)
        commit = self.work.commit("rewritten")
        self.push("--force")
        return commit


def publish(directory: Path, work: Repository | None = None) -> Published:
    """Make a bare remote in `directory`, with the commits of `work` or with an empty first commit."""
    published = Published(directory / "remote.git", work or Repository(directory / "work"))
    if work is None:
        shutil.copytree(_empty(), directory, dirs_exist_ok=True)
    else:
        _init(published.remote, "--bare")
    with (published.remote / "config").open("a", encoding="ascii") as config:
        config.write("[uploadpack]\n\tallowFilter = true\n")
    with (published.work.root / ".git" / "config").open("a", encoding="utf-8") as config:
        config.write(f'[remote "origin"]\n\turl = {published.remote}\n')
    if work is not None:
        published.push()
    return published


@cache
def _empty() -> Path:
    """A bare repository and a clone with one empty commit, made once for a process."""
    scratch = tempfile.TemporaryDirectory()
    atexit.register(scratch.cleanup)
    directory = Path(scratch.name)
    _init(directory / "remote.git", "--bare")
    work = _init(directory / "work")
    work.commit("begin")
    work.git("push", "--quiet", str(directory / "remote.git"), f"HEAD:{MAIN}")
    return directory


def _init(directory: Path, *options: str) -> Repository:
    directory.mkdir(parents=True)
    Repository(directory).git("init", "--quiet", "--template=", "--initial-branch", "main", *options)
    return Repository(directory)


@dataclass
class HttpRemote:
    """A running HTTP server; `authorizations` are the headers that it was sent, "" for a request without one.

    Requests for an object in `withheld` (ids) are answered with an error, as if the network had broken at that moment.
    """

    address: str
    authorizations: list[str] = field(default_factory=list)
    withheld: set[str] = field(default_factory=set)


@contextmanager
def served_over_http(root: Path, *, token: str = "", redirect_to: str = "") -> Iterator[HttpRemote]:
    """Serve the repositories below `root` by git's own `http-backend`, to holders of `token` if one is given.

    With `redirect_to`, every request is sent on to that address instead.
    """
    remote = HttpRemote("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the name is the standard library's
            """Say nothing on standard error."""

        def _answer(self) -> None:
            sent = self.headers.get("Authorization", "")
            remote.authorizations.append(sent)
            body = _body(self)
            if any(name.encode() in body for name in remote.withheld):
                self._send(503, {}, b"")
            elif redirect_to:
                self._send(302, {"Location": f"{redirect_to}{self.path}"}, b"")
            elif token and sent != f"Basic {base64.b64encode(f'x-access-token:{token}'.encode()).decode()}":
                self._send(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
            else:
                self._send(*_backend(self, root, body))

        def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with http_server(Handler) as address:
        remote.address = address
        yield remote


@contextmanager
def http_server(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Run a handler on a free port of this machine; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _body(request: BaseHTTPRequestHandler) -> bytes:
    if request.headers.get("Transfer-Encoding", "") != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length", "0")))
    body = b""
    while size := int(request.rfile.readline(), 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    request.rfile.readline()
    return body


def _backend(request: BaseHTTPRequestHandler, root: Path, body: bytes) -> tuple[int, dict[str, str], bytes]:
    path, _, query = request.path.partition("?")
    variables = {
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": request.command,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "CONTENT_LENGTH": str(len(body)),
        "PATH": os.environ["PATH"],
    }
    answer = subprocess.run(
        ["git", "http-backend"], input=body, env=variables, capture_output=True, timeout=20, check=True
    ).stdout
    head, _, content = answer.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode("ascii").split("\r\n"))
    status = headers.pop("Status", "200 OK")
    return int(status.split()[0]), headers, content
