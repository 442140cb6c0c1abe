"""A node whose artifacts lie on another machine: it looks before it follows, brings them, and needs it no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from interlock.artifacts.sources import SourceAccess, open_beyond
from interlock.artifacts.store import ArtifactStore
from interlock.documents.kinds.adapter_revision import AdapterRevision, Signature
from interlock.documents.writing import dump_document
from interlock.sync.beyond import Beyond
from interlock.sync.outcome import Done
from support.serving_node import ServingNode
from support.sources.places import artifact_at
from support.sources.web import Asked, WebServer, make_authority, web_server

NEW = " Refund granted. Sorry for the trouble."


@dataclass
class Host:
    """A web server with the bytes of support-bot; `up` is whether it answers with them."""

    server: WebServer
    kept: dict[str, bytes]
    up: bool = True


@pytest.fixture
def host(node: ServingNode, tmp_path: Path) -> Iterator[Host]:
    kept: dict[str, bytes] = {}
    authority = make_authority(tmp_path / "authority")

    def answer(asked: Asked) -> None:
        asked.give(kept.get(asked.path)) if found.up else asked.reply(503, {"Retry-After": "60"})

    with web_server(answer, authority) as server:
        found = Host(server, kept)
        for revision in ("1", "2"):
            _move(node, revision, found)
        node.push("moved the bytes")
        settings = node.node.settings
        settings.write_text(settings.read_text() + f"sources: {{ca_file: {authority.file}, stall: 5s}}\n")
        yield found


def _move(node: ServingNode, revision: str, host: Host) -> None:
    path = node.scratch.clone / "adapters" / "support-bot" / "revisions" / f"{revision}.yaml"
    located = node.scratch.snapshot().revisions
    document = next(
        found.document for key, found in located.items() if (key.adapter, key.revision) == ("support-bot", revision)
    )
    directory = node.scratch.artifact_directory(document.artifact.uri)
    host.kept.update({f"/{revision}/{file.name}": file.read_bytes() for file in directory.iterdir()})
    artifact = document.artifact.model_copy(update={"uri": f"{host.server.url}/{revision}"})
    moved: AdapterRevision = document.model_copy(update={"artifact": artifact})
    path.write_text(dump_document(moved), encoding="utf-8")
    for file in directory.iterdir():
        file.unlink()


def test_it_is_followed_brought_and_served_and_a_host_that_is_down_holds_up_no_rollback(
    node: ServingNode, host: Host
) -> None:
    agent = node.agent()
    assert agent.run_once() == Done()
    node.point("support-bot", "2")
    node.push("promote")
    assert agent.run_once() == Done()
    assert node.ask("support-bot").text == NEW
    host.up = False
    node.scratch.git("revert", "--no-edit", "HEAD")
    node.scratch.git("push", "--quiet", "origin", "HEAD:main")
    assert agent.run_once() == Done()
    assert node.ask("support-bot").text != NEW
    asked = len(host.server.seen)
    assert node.agent().run_once() == Done()  # also after a restart
    assert len(host.server.seen) == asked


def test_a_host_that_is_down_holds_up_what_it_has_and_nothing_else(node: ServingNode, host: Host) -> None:
    agent = node.agent()
    assert agent.run_once() == Done()
    before = node.ask("support-bot").text
    host.up = False
    node.point("support-bot", "2")
    node.push("promote")
    outcome = agent.run_once()
    assert outcome != Done()
    assert "HTTP 503" in str(agent.status)
    assert node.ask("support-bot").text == before
    host.up = True
    node.clock.now += 100
    assert agent.run_once() == Done()
    assert node.ask("support-bot").text == NEW


def test_bytes_that_were_replaced_on_the_host_are_never_loaded(node: ServingNode, host: Host) -> None:
    agent = node.agent()
    assert agent.run_once() == Done()
    path = "/2/adapter_model.safetensors"
    host.kept[path] = host.kept[path][:-1] + bytes([host.kept[path][-1] ^ 1])
    node.point("support-bot", "2")
    node.push("promote")
    assert agent.run_once() != Done()
    assert node.ask("support-bot").text != NEW
    assert "digest" in str(agent.status)


def test_a_signature_is_read_once_and_again_where_it_was_damaged(tmp_path: Path) -> None:
    kept = {"/a/model.sig": b'{"a": 1}', "/a/x.json": b"{}"}
    authority = make_authority(tmp_path / "authority")
    with web_server(lambda asked: asked.give(kept.get(asked.path)), authority) as server:
        signature = Signature(format="openssf-model-signing", path="model.sig", signer="ci")
        artifact = artifact_at(f"{server.url}/a", {"x.json": b"{}"}).model_copy(update={"signature": signature})
        access = SourceAccess(ca_file=authority.file)
        beyond = Beyond(ArtifactStore(tmp_path / "store"), tmp_path / "signatures", partial(open_beyond, access=access))

        def read() -> bytes:
            with beyond(artifact).open("model.sig") as stream:
                return stream.read()

        assert [read(), read()] == [b'{"a": 1}'] * 2
        assert len(server.seen) == 1
        (file,) = (tmp_path / "signatures").iterdir()
        file.write_bytes(file.read_bytes()[:-1])
        assert read() == b'{"a": 1}'
        assert len(server.seen) == 2
        with beyond(artifact).open("x.json") as stream:
            assert stream.read() == b"{}"
        assert sorted(beyond(artifact).sizes()) == ["x.json"]
