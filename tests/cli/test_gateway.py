"""`interlock gateway` as a process: it routes, says what is missing, and ends when it is told to."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from interlock.routing.table import Route, RouteTable
from interlock.routing.writer import write_table
from support.asgi_engine import TinyEngine, serving
from support.command_line import interlock
from support.engine_processes import free_port, wait_until

SERVED = "support-bot@1-0123456789ab"


@contextmanager
def running(*words: str, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command, from the moment at which it answers."""
    command = [sys.executable, "-m", "interlock.cli.main", "gateway", *words, "--listen", f"127.0.0.1:{port}"]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:

        def answers() -> bool:
            assert process.poll() is None, log.read_text(encoding="utf-8")
            try:
                return httpx.get(f"http://127.0.0.1:{port}/interlock/routing", trust_env=False).status_code == 200
            except httpx.TransportError:
                return False

        try:
            wait_until(answers, within=60, what="the gateway answers")
            yield process
        finally:
            process.kill()


def test_the_command_routes_to_the_engine_and_ends_in_peace(tmp_path: Path) -> None:
    routes, token, port = tmp_path / "routes.json", tmp_path / "token", free_port()
    write_table(routes, RouteTable("test", "", frozenset(), frozenset({SERVED}), routes={"support-bot": Route(SERVED)}))
    token.write_text("the-agents-token\n", encoding="ascii")
    engine = TinyEngine()
    with serving(engine) as url:
        words = ("--kind", "sglang", "--base", "tiny", "--engine", url, "--routes", str(routes))
        with running(*words, "--admin-token-file", str(token), port=port, log=tmp_path / "log") as process:
            body = {"model": "support-bot", "prompt": "Hi"}
            answer = httpx.post(f"http://127.0.0.1:{port}/v1/completions", json=body, trust_env=False)
            assert answer.headers["x-interlock-revision"] == SERVED
            assert engine.seen[-1].model == f"tiny:{SERVED}"
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) in (0, -signal.SIGTERM)
    assert "the-agents-token" not in (tmp_path / "log").read_text(encoding="utf-8")
    assert "Traceback" not in (tmp_path / "log").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--kind", "sglang"), "the name of the base is missing"),
        (("--kind", "lorax"), "LoRAX is asked for adapters by path"),
        (("--kind", "lorax", "--adapters", "relative"), "the absolute path"),
        (("--kind", "tgi", "--listen", "8000"), "HOST:PORT"),
        (("--kind", "tgi", "--engine", "127.0.0.1:3000"), "http(s)://host:port"),
        (("--kind", "tgi", "--silence", "0"), "seconds and counts above 0"),
        (("--kind", "tgi", "--admin-token-file", "nowhere"), "cannot read nowhere"),
        (("--kind", "dynamo"), "'dynamo' is not one of"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_listens(words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    given = ("--routes", str(tmp_path / "routes.json"), "--engine", "http://127.0.0.1:9", "--listen", "127.0.0.1:9")
    finished = interlock("gateway", *given, *words)
    assert finished.status == 2
    assert told in finished.err
