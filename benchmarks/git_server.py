"""A git server in a process of its own: git's `http-backend` behind an HTTP server, on this machine only.

with git_server(root) as address: ...      # serves root/NAME.git as ADDRESS/NAME.git
"""

from __future__ import annotations

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
        variables = {
            "GIT_PROJECT_ROOT": self.root,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "PATH": os.environ["PATH"],
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=variables, capture_output=True, timeout=60)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode("ascii").split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
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
