"""Networks to git and to the source of artifacts that are gone, silent, slow, cut, or that change what they carry."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from support.after_faults import all_holds, nobody_was_failed, nothing_is_left_over, receipts_hold, serves
from support.agent_processes import Ending
from support.fault_node import Expected, FaultNode, Stage
from support.git_remotes import served_over_http
from support.serving_node import REPOSITORY
from support.sources.network import Network, network_to
from support.sources.web import Asked, make_authority, web_server
from support.steady_requests import SteadyRequests

pytestmark = pytest.mark.faults

TIMEOUT = 2.0
QUICK = {"connect": "2s", "stall": "1s", "deadline": "10s"}


def keeps(node: FaultNode, ending: Ending, clients: SteadyRequests, kind: str, *words: str) -> None:
    """The agent gives the true reason, and what served before serves on."""
    assert ending.kind == kind, ending.told
    for word in words:
        assert word in ending.why, ending.told
    serves(node, node.first.expected)
    nobody_was_failed(node, clients, node.first.expected.serves.items())
    nothing_is_left_over(node)
    receipts_hold(node)


@pytest.fixture
def far(serving: FaultNode) -> Iterator[tuple[FaultNode, Network]]:
    """The node that serves the first commit, with a network between it and its git remote."""
    remote = serving.serving.scratch.remote
    with served_over_http(remote.parent) as http, network_to(urlsplit(http.address).port or 0) as network:
        url = f"http://127.0.0.1:{network.port}/{remote.name}"
        serving.configure(remote={"url": url, "branch": "main", "poll": "1s", "timeout": f"{TIMEOUT:g}s"})
        yield serving, network


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"cut_after": 0}, "did not answer"),
        ({"cut_after": 300}, "did not answer"),
        ({"silent_after": 0}, "did not finish within 2 seconds"),
        ({"silent_after": 300}, "did not finish within 2 seconds"),
    ],
    ids=["cut at once", "cut in the middle", "silent", "silent in the middle"],
)
def test_a_partition_from_git_changes_nothing_and_ends_by_itself(
    far: tuple[FaultNode, Network], fault: dict[str, int], words: str
) -> None:
    node, network = far
    new = node.promoted(node.first.commit, "2")
    node.move(new.commit)
    with node.clients("support-bot", "sql-helper") as clients:
        for name, count in fault.items():
            setattr(network, name, count)
        begun = time.monotonic()
        keeps(node, node.run(patience=0.0), clients, "Failed", words)
        assert time.monotonic() - begun < 60
        status = node.serving.node.status()
        assert status
        assert status.condition("SourceVerified").reason == "RemoteUnreachable"
        network.heal()
        ending = node.run()
    all_holds(node, new, ending, clients, [("support-bot", "1")])


def test_a_remote_that_falls_silent_while_it_sends_leaves_nothing_half_fetched(far: tuple[FaultNode, Network]) -> None:
    node, network = far
    new = node.promoted(node.first.commit, "2")
    with node.clients("support-bot", "sql-helper") as clients:
        node.move(new.commit)
        network.silent_at_post = 2  # git asks for the list of refs first, and for objects then
        keeps(node, node.run(patience=0.0), clients, "Failed", "git fetch did not finish within 2 seconds")
        network.heal()
        ending = node.run()
    all_holds(node, new, ending, clients, [("support-bot", "1")])


def test_a_slow_network_to_git_is_waited_for(far: tuple[FaultNode, Network]) -> None:
    node, network = far
    new = node.promoted(node.first.commit, "2")
    node.move(new.commit)
    network.slow = 0.2
    with node.clients("support-bot", "sql-helper") as clients:
        ending = node.run()
    all_holds(node, new, ending, clients, [("support-bot", "1")])


@pytest.fixture
def from_the_web(serving: FaultNode, tmp_path: Path) -> Iterator[tuple[FaultNode, Network, Stage]]:
    """The node, a network between it and a web server with TLS, and a commit that promotes bytes from there."""
    directory = next((REPOSITORY / "artifacts").glob("support-bot@2-*"))
    authority = make_authority(tmp_path / "authority")

    def answer(asked: Asked) -> None:
        file = directory / Path(asked.path).name
        asked.give(file.read_bytes() if file.is_file() else None)

    with web_server(answer, authority) as server, network_to(server.port) as network:
        sources = QUICK | {"ca_file": str(authority.file), "hosts": [network.host]}
        serving.configure(sources=sources)

        def promote() -> None:
            register(serving, "8", f"https://{network.host}/support-bot-2")
            serving.serving.point("support-bot", "8")

        commit = serving.commit(serving.first.commit, promote)
        loaded = frozenset({("support-bot", "1"), ("support-bot", "8"), ("sql-helper", "1")})
        yield serving, network, Stage("web", commit, Expected({"support-bot": "8", "sql-helper": "1"}, loaded))


def register(node: FaultNode, revision: str, uri: str) -> None:
    """A revision with the bytes of revision 2, which lie elsewhere."""
    folder = node.serving.scratch.clone / "adapters/support-bot/revisions"
    text = (folder / "2.yaml").read_text(encoding="utf-8")
    text = text.replace('revision: "2"', f'revision: "{revision}"')
    lines = [f"  uri: {json.dumps(uri)}" if line.startswith("  uri:") else line for line in text.splitlines()]
    (folder / f"{revision}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def break_network(network: Network, **fault: Any) -> None:
    for name, value in fault.items():
        setattr(network, name, value)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"cut_after": 60_000}, "it broke off after"),
        ({"silent_after": 60_000}, "1 s"),
        ({"cut_after": 0}, "the connection failed"),
        ({"flip_after": 60_000}, "the connection failed"),
    ],
    ids=["cut", "silent", "gone", "changed"],
)
def test_a_source_that_fails_on_the_way_is_told_and_continued(
    from_the_web: tuple[FaultNode, Network, Stage], fault: dict[str, int], words: str
) -> None:
    node, network, stage = from_the_web
    with node.clients("support-bot", "sql-helper") as clients:
        break_network(network, **fault)
        node.move(stage.commit)
        ending = node.run(turns=3)
        assert ending.kind == "Waiting", ending.told
        for word in (
            "could not be evaluated",
            f"https://{network.host}/support-bot-2/adapter_",
            words,
        ):
            assert word in ending.why, ending.told
        serves(node, node.first.expected)
        network.heal()
        ending = node.run()
    all_holds(node, stage, ending, clients, [("support-bot", "1")])


def test_an_agent_that_is_killed_in_the_middle_of_a_transfer_is_continued(
    from_the_web: tuple[FaultNode, Network, Stage],
) -> None:
    node, network, stage = from_the_web
    with node.clients("support-bot", "sql-helper") as clients:
        network.slow = 0.3
        node.move(stage.commit)
        agent = node.begin()
        partial = node.store / "partial"
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size > 30_000 for path in partial.rglob("*.safetensors")):
            assert time.monotonic() < deadline, "nothing arrived"
            time.sleep(0.02)
        agent.kill()
        assert agent.wait().killed
        network.heal()
        ending = node.run()
    all_holds(node, stage, ending, clients, [("support-bot", "1")])
