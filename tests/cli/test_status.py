"""`interlock status`: one node as a page, many as a table, and whoever does not answer as a line of it."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from interlock.cli.status_drawing import draw
from interlock.errors import NodeError
from interlock.sync.http.exchange import Answer, Request, Route, Routes
from interlock.sync.http.pages import Pages
from interlock.sync.http.server import HttpServer
from interlock.sync.only_agent import only_agent
from interlock.sync.remote_status import seen_elsewhere
from interlock.sync.sightings import Sighting
from interlock.sync.status import AliasStatus, Change, Commits, Condition, Status, StoreState, Wait, to_json
from interlock.sync.status_files import ALIVE_FILE, POLLED_FILE, STATUS_FILE
from support.command_line import interlock
from support.http_site import LONGEST_TURN, Watched, running, status

COMMIT = "3f2c1a9b1234" + "0" * 28
NOW = 1_700_000_000.0
NODE = """\
kind: Node
name: node-1
environment: dev
remote: {url: file:///srv/git/adapters.git}
engine: {kind: embedded, url: "http://127.0.0.1:8000"}
"""
REFUSED = Condition("Ready", "False", "Stalled", "commit 0123 is refused")


def fine(node: str = "node-1", **conditions: Condition) -> Status:
    change = Change(NOW, COMMIT, "bot", "bot@1", "")
    quiet = {kind: Condition(kind, "False", "Fine", "well") for kind in ("Stalled", "Emergency", "Suspended")}
    whole = status(**(quiet | conditions))
    commits = Commits(COMMIT, COMMIT, COMMIT, COMMIT)
    return replace(whole, node=node, commits=commits, history=(change,), flips=1, last_poll=NOW)


@pytest.fixture
def node_file(tmp_path: Path) -> Path:
    """Settings of a node whose agent reported a moment ago."""
    (tmp_path / "state").mkdir()
    (tmp_path / "node.yaml").write_text(NODE, encoding="utf-8")
    report(tmp_path, fine())
    return tmp_path / "node.yaml"


def report(home: Path, what: Status) -> None:
    (home / "state" / STATUS_FILE).write_text(to_json(what), encoding="ascii")


@pytest.fixture
def address() -> Iterator[str]:
    """A node elsewhere."""
    with running(Pages(Watched(fine("node-2")), LONGEST_TURN).routes()) as server:
        yield f"http://127.0.0.1:{server.port}"


def nowhere() -> str:
    """An address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_one_node_is_a_page_with_its_history_and_what_it_waits_for(node_file: Path) -> None:
    waiting = replace(
        fine(),
        waiting=(Wait("bot@2", "HeldBack", "the store does not answer", NOW + 60),),
        store=StoreState(3, 2_400_000_000, 50_000_000_000, 0, "nothing can go"),
    )
    report(node_file.parent, waiting)
    outcome = interlock("status", "--node", node_file)
    assert outcome.status == 0, outcome.err
    assert "node node-1, environment dev, engine vllm 1" in outcome.out
    assert "served 3f2c1a9b1234" in outcome.out
    assert "store: 3 artifacts, 2.4 GB of at most 50.0 GB; nothing can go" in outcome.out
    assert "bot@2: the store does not answer (again 2023-11-1" in outcome.out
    assert "Last changes, of 1:" in outcome.out
    assert "3f2c1a9b1234  bot → bot@1" in outcome.out


def test_a_node_elsewhere_is_the_same_page(address: str) -> None:
    outcome = interlock("status", "--url", address)
    assert outcome.status == 0, outcome.err
    assert "node node-2, environment dev" in outcome.out
    assert interlock("status", "--url", f"{address}/", "--json").document["node"] == "node-2"


def test_many_are_a_table_and_the_worst_of_them_is_the_exit_status(
    node_file: Path, address: str, tmp_path: Path
) -> None:
    fleet = tmp_path / "fleet.txt"
    fleet.write_text(f"# ours\n{address}  # the second\n\nnode.yaml\n", encoding="utf-8")
    both = interlock("status", "--nodes", fleet)
    assert (both.status, both.out.splitlines()[0].split()) == (
        0,
        ["NODE", "ENVIRONMENT", "READY", "COMMIT", "POLLED", "WHAT", "IS", "WRONG"],
    )
    assert [line.split()[:4] for line in both.out.splitlines()[1:3]] == [
        ["node-2", "dev", "yes", "3f2c1a9b1234"],
        ["node-1", "dev", "yes", "3f2c1a9b1234"],
    ]
    assert both.out.endswith("2 nodes: 2 ready, 0 not ready, 0 unknown\n")
    report(tmp_path, fine(Ready=REFUSED))
    assert interlock("status", "--nodes", fleet).status == 1
    silent = nowhere()
    three = interlock("status", "--nodes", fleet, "--url", silent)
    assert three.status == 4
    (line,) = [line for line in three.out.splitlines() if line.startswith(silent)]
    assert "unknown" in line
    assert "does not answer" in line
    assert "commit 0123 is refused" in three.out
    assert "3 nodes: 1 ready, 1 not ready, 1 unknown" in three.out


def test_many_are_one_document_that_names_each(node_file: Path, address: str) -> None:
    silent = nowhere()
    outcome = interlock("status", "--node", node_file, "--url", address, "--url", silent, "--json")
    assert outcome.status == 4
    document = outcome.document
    assert (document["schema"], document["ready"], document["unknown"]) == ("interlock-status-list/1", 2, 1)
    assert [node["where"] for node in document["nodes"]] == [str(node_file), address, silent]
    assert "does not answer" in document["nodes"][2]["error"]
    assert document["nodes"][1]["aliases"][0]["served"] == "bot@1"


def test_one_that_does_not_answer_is_an_error() -> None:
    outcome = interlock("status", "--url", nowhere())
    assert outcome.status == 4
    assert "does not answer" in outcome.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "no node is named"),
        (("--url", "gpu-7:9187"), "no address of a node"),
        (("--url", "http://user:secret@gpu-7:9187"), "no address of a node"),
        (("--url", "http://gpu-7/status"), "no address of a node"),
        (("--nodes", "nowhere.txt"), "there is no file"),
        (("--node", "nowhere.yaml"), "there is no file"),
    ],
)
def test_what_names_no_node_is_wrong_use(words: tuple[str, ...], said: str) -> None:
    outcome = interlock("status", *words)
    assert outcome.status == 2
    assert said in outcome.err


def test_a_list_with_a_line_that_is_no_node_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "fleet.txt").write_text("# ours\nftp://gpu-7\n", encoding="utf-8")
    outcome = interlock("status", "--nodes", tmp_path / "fleet.txt")
    assert outcome.status == 2
    assert "fleet.txt:2: 'ftp://gpu-7' is no address" in outcome.err


def test_an_old_report_without_an_agent_is_not_believed(node_file: Path) -> None:
    old = time.time() - 1000
    state = node_file.parent / "state"
    os.utime(state / STATUS_FILE, (old, old))
    outcome = interlock("status", "--node", node_file)
    assert outcome.status == 4
    assert "NO AGENT RUNS" in outcome.out
    (state / ALIVE_FILE).touch()
    assert interlock("status", "--node", node_file).status == 0


def test_the_last_poll_is_told_by_the_file_that_is_touched_for_it(node_file: Path) -> None:
    polled = node_file.parent / "state" / POLLED_FILE
    polled.touch()
    os.utime(polled, (NOW + 500, NOW + 500))
    assert interlock("status", "--node", node_file, "--json").document["last_poll"] == NOW + 500


def test_an_agent_that_listens_is_asked_how_fresh_its_report_is(node_file: Path) -> None:
    watched = Watched(replace(fine(), last_poll=NOW + 700))
    state = node_file.parent / "state"
    old = time.time() - 7200
    os.utime(state / STATUS_FILE, (old, old))
    with running(Pages(watched, LONGEST_TURN).routes()) as server:
        node_file.write_text(f'{NODE}http: {{listen: "127.0.0.1:{server.port}"}}\n', encoding="utf-8")
        assert "NO AGENT RUNS" in interlock("status", "--node", node_file).out
        with only_agent(state):
            asked = interlock("status", "--node", node_file, "--json")
            assert asked.status == 0, asked.err
            assert (asked.document["age_seconds"], asked.document["last_poll"]) == (1.0, NOW + 700)
            watched.seconds = LONGEST_TURN + 1
            assert "THE AGENT HANGS" in interlock("status", "--node", node_file).out
    with only_agent(state):
        assert "THE AGENT HANGS" in interlock("status", "--node", node_file).out


def served(body: bytes, code: int = 200) -> Routes:
    return {("GET", "/status"): Route(lambda _: Answer(code, body))}


def changed(**fields: object) -> bytes:
    return json.dumps({**json.loads(to_json(fine())), **fields}).encode()


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (b"<html>", 200, "gives no status"),
        (b"[" * 100_000, 200, "gives no status"),
        (b"[]", 200, "gives no status"),
        (b'{"schema": "interlock-status/1"}', 200, "expected a JSON object with schema interlock-status/2"),
        (changed(node=7), 200, "node is no str"),
        (changed(age_seconds="x"), 200, "age_seconds is no time"),
        (changed(last_poll=10**400), 200, "last_poll is too large"),
        (b"\xff\xfe\xff", 200, "gives no status"),
        (b"{}", 503, "HTTP 503"),
        (b"{}", 302, "HTTP 302"),
        (b"{}", 401, "asks for a token"),
    ],
    ids=["html", "deep", "a list", "old", "a number", "an age", "huge", "bytes", "busy", "elsewhere", "a token"],
)
def test_an_answer_that_is_no_status_is_not_believed(body: bytes, code: int, said: str) -> None:
    with running(served(body, code)) as server:
        outcome = interlock("status", "--url", f"http://127.0.0.1:{server.port}")
    assert outcome.status == 4
    assert said in outcome.err
    assert "Traceback" not in outcome.err


def test_nothing_that_a_node_says_can_draw_on_the_terminal() -> None:
    row = AliasStatus("\x1b[2Jbot", "a", "b\rc", "", (), "\x1b]0;x\x07")
    odd = replace(fine("no\x1b[31mde"), aliases=(row,), last_poll=1e300, history=(Change(1e300, "\x1b", "x", "y", ""),))
    body = json.dumps({**json.loads(to_json(odd))}).encode()
    with running(served(body)) as server:
        where = f"http://127.0.0.1:{server.port}"
        for words in (("--url", where), ("--url", where, "--url", nowhere())):
            outcome = interlock("status", *words)
            assert "no\\x1b[31mde" in outcome.out, outcome
            assert not set(outcome.out) & set("\x1b\r\x07")


def test_a_node_that_dribbles_is_given_up_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as dribbling:
        began = time.monotonic()
        outcome = interlock("status", "--url", f"http://127.0.0.1:{dribbling.getsockname()[1]}", "--deadline", "0.2")
    assert outcome.status == 4
    assert "does not answer within 0.2 s" in outcome.err
    assert time.monotonic() - began < 5


def test_a_token_is_sent_and_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tmp_path / "token"
    token.write_text("a-token\n", encoding="ascii")
    token.chmod(0o600)
    with running(Pages(Watched(fine()), LONGEST_TURN, token="a-token").routes()) as server:
        where = f"http://127.0.0.1:{server.port}"
        assert interlock("status", "--url", where).status == 4
        assert interlock("status", "--url", where, "--token-file", token).status == 0
        monkeypatch.setenv("INTERLOCK_STATUS_TOKEN", "a-token")
        assert interlock("status", "--url", where).status == 0


def test_many_nodes_are_asked_at_once_but_never_more_than_a_bound() -> None:
    most = 0

    def counting(request: Request) -> Answer:
        nonlocal most
        most = max(most, server.transferring)
        return pages.status(request)

    pages = Pages(Watched(fine()), LONGEST_TURN)
    server = HttpServer("0.0.0.0", 0, {("GET", "/status"): Route(counting)})
    server.start()
    try:
        addresses = [f"http://127.0.1.{number}:{server.port}" for number in range(40)]
        sightings = seen_elsewhere(addresses, at_once=8)
    finally:
        server.stop()
    assert [one.where for one in sightings if one.ready] == addresses
    assert most <= 8


def _interruptible() -> None:
    """What a shell starts in the background ignores interrupts, and so would what we start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_watching_prints_a_document_a_line_until_it_is_interrupted(node_file: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "interlock.cli.main",
        "status",
        "--node",
        str(node_file),
        "--json",
        "--watch",
        "0.1",
    ]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_interruptible,
    ) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert [json.loads(line)["node"] for line in lines] == ["node-1"] * 2
    assert (process.returncode, err.strip()) == (130, "interrupted")


def test_a_terminal_gets_the_same_words_in_colour() -> None:
    sightings = [
        Sighting("a", fine()),
        Sighting("b", fine("node-2", Ready=REFUSED, Fresh=Condition("Fresh", "False", "TooLongAgo", "silent"))),
        Sighting("http://c", error=NodeError("[bold]c does not answer")),
        Sighting("d", fine("node-4"), 1000.0, "NO AGENT RUNS"),
    ]
    screen = io.StringIO()
    draw(sightings, NOW + 5, Console(file=screen, force_terminal=True, width=200, color_system="standard"))
    drawn = screen.getvalue()
    for words in (
        "5 s ago",
        "commit 0123 is refused; silent",
        "[bold]c does not answer",
        "NO AGENT RUNS: it last said so 17 min ago",
    ):
        assert words in drawn
    assert "\x1b[1;31mNO" in drawn
    assert "4 nodes: 1 ready, 1 not ready, 2 unknown" in drawn
