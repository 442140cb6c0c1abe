"""A git server in a process of its own, on this machine only: `git upload-pack` behind HTTP, protocol 2, for readers.

It starts one git for each request, as Gitea and Forgejo do.

with git_server(root) as address: ...      # serves root/NAME.git as ADDRESS/NAME.git
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from interlock.demo.child_process import die_with_parent, stop

REPOSITORY = Path(__file__).resolve().parents[1]
LIMIT = 1 << 20


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root = ""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(min(int(self.headers.get("Content-Length", "0")), LIMIT)))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the name is the standard library's
        """Say nothing."""

    def _answer(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        name, _, what = path.strip("/").partition("/")
        protocol = self.headers.get("Git-Protocol", "")
        offered = what == "info/refs" and query == "service=git-upload-pack" and protocol == "version=2"
        repository = Path(self.root, name)
        if not (offered or what == "git-upload-pack") or not repository.is_dir() or ".." in name:
            self._send(404, "text/plain", b"")
            return
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        words = ["git", "upload-pack", "--stateless-rpc", *(["--http-backend-info-refs"] if offered else [])]
        environment = {"PATH": os.environ["PATH"], "GIT_PROTOCOL": protocol}
        done = subprocess.run([*words, str(repository)], input=body, env=environment, capture_output=True, timeout=60)
        kind = "advertisement" if offered else "result"
        self._send(200, f"application/x-git-upload-pack-{kind}", done.stdout)

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def git_server(root: Path) -> Iterator[tuple[str, int]]:
    """Serve the bare repositories below `root` until the block ends; yields the address and the process's id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.git_server", str(root)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        preexec_fn=die_with_parent,
    )
    try:
        assert process.stdout
        yield process.stdout.readline().decode().strip(), process.pid
    finally:
        stop(process)


def main() -> None:
    """Serve the folder in the first argument, and print the address."""
    _Handler.root = sys.argv[1]
    server = _Server(("127.0.0.1", 0), _Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
