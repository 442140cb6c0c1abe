"""Where a node's trust begins, and that nothing but its own settings moves that."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from interlock.documents.kinds.node import NodeTrust
from support.git_remotes import served_over_http
from support.trusted_node import TrustedNode, follows, stays, trusting


@pytest.fixture
def node(tmp_path: Path) -> TrustedNode:
    """A node that serves support-bot 1 from the root of its trust."""
    return trusting(tmp_path)


def settle(node: TrustedNode, trust: dict[str, object]) -> None:
    """Another agent with other settings."""
    node.trust = NodeTrust.model_validate(trust)
    node.restart()


def promoted(node: TrustedNode) -> str:
    commit = node.promote("alice", "2")
    node.attest(commit)
    follows(node, "2")
    return commit


def test_a_protected_environment_is_not_served_without_a_root(tmp_path: Path) -> None:
    node = TrustedNode.begin(tmp_path)
    settle(node, {})
    stays(node, "RootMissing", "production is protected")
    assert node.rejected
    assert "--print-root" in node.rejected.remedy
    assert node.source.desired() is None


def test_a_node_that_served_without_proof_shows_it_before_it_goes_on(tmp_path: Path) -> None:
    node = TrustedNode.begin(tmp_path)
    settle(node, {"protected": "unverified"})
    node.promote("", "2")
    follows(node, "2")
    settle(node, {"root": {"commit": node.root}})
    assert node.source.desired() is None
    node.poll()
    assert node.reason == "Unsigned"
    assert node.source.desired() is None


def test_the_operator_may_decide_otherwise_and_that_is_said(tmp_path: Path) -> None:
    node = TrustedNode.begin(tmp_path)
    settle(node, {"protected": "unverified"})
    node.promote("", "2")
    follows(node, "2")
    demands = node.source.demands()
    assert demands
    assert demands.opted_out


@pytest.mark.parametrize("require", [{"signatures": False}, {"approval": "none"}])
def test_less_than_everything_is_said_too(tmp_path: Path, require: dict[str, object]) -> None:
    node = trusting(tmp_path, require=require)
    demands = node.source.demands()
    assert demands
    assert demands.opted_out


def test_a_pinned_key_makes_the_newest_commit_that_it_signed_the_root(tmp_path: Path) -> None:
    node = TrustedNode.begin(tmp_path)
    key = node.team.public("carol")
    settle(node, {"root": {"keys": [key]}})
    stays(node, "RootMissing", "pinned key")
    node.work.write("adapters/support-bot/notes/1.md", "all of this was looked at\n")
    node.commit("carol", "this is the root")
    follows(node, "1")
    node.promote("alice", "2")
    stays(node, "NotApproved")


def test_a_root_that_the_branch_does_not_contain_trusts_nothing(tmp_path: Path) -> None:
    node = TrustedNode.begin(tmp_path)
    settle(node, {"root": {"commit": "1" * 40}})
    stays(node, "Rewritten", "1" * 12)


def test_what_was_verified_is_remembered_and_served_after_a_restart_without_the_remote(node: TrustedNode) -> None:
    promoted(node)
    node.published.remote.rename(node.published.remote.with_name("gone.git"))
    node.restart()
    assert node.serves == "2"
    assert "attested by check-ci" in node.source.how_accepted


def test_another_root_looks_at_everything_again(node: TrustedNode) -> None:
    promoted(node)
    settle(node, {"root": {"commit": node.head}})
    assert node.source.desired() is None
    follows(node, "2")


def test_a_record_from_before_a_crash_is_verified_again(node: TrustedNode) -> None:
    before = (node.state / "accepted.json").read_bytes()
    promoted(node)
    (node.state / "accepted.json").write_bytes(before)  # as if killed between verifying and writing
    node.restart()
    follows(node, "2")
    assert json.loads((node.state / "accepted.json").read_bytes())["accepted"] == node.head


def test_a_lost_record_begins_at_the_root_again(node: TrustedNode) -> None:
    promoted(node)
    node.promote("alice", "1")
    (node.state / "accepted.json").unlink()
    node.restart()
    node.poll()
    assert node.reason == "NotApproved"
    assert node.source.desired() is None


def test_statements_come_over_http_as_well(tmp_path: Path) -> None:
    node = TrustedNode.begin(tmp_path)
    with served_over_http(node.published.remote.parent) as remote:
        node.restart(f"{remote.address}/remote.git")
        node.poll()
        node.attest(node.promote("alice", "2"))
        follows(node, "2")


def test_a_poll_without_anything_new_asks_the_remote_once_and_starts_no_other_git(
    node: TrustedNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted(node)
    said = tmp_path / "calls"
    shim = tmp_path / "bin" / "git"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\necho "$@" >> {said}\nPATH="$REAL_PATH" exec git "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("REAL_PATH", os.environ["PATH"])
    monkeypatch.setenv("PATH", f"{shim.parent}:{os.environ['PATH']}")
    assert not node.poll()
    node.source.demands()
    (call,) = said.read_text().splitlines()
    assert " ls-remote " in call
