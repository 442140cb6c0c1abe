"""When a promotion began where people stand behind it, and that an emergency does not wait."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from interlock.checking.decision import merged_decision
from interlock.history.attestation_exchange import push
from interlock.history.git_command import Git
from interlock.lifecycle.emergency import declare
from interlock.sync.rollout import Staged
from interlock.sync.staging import Staging
from support.repositories import environment
from support.trusted_node import TrustedNode, trusting

HOUR = dt.timedelta(hours=1)
WAVES = {"waves": [{"nodes": ["first"], "bake": "1h"}, {"percent": 100}]}


def turn(node: TrustedNode, staging: Staging) -> Staged:
    node.poll()
    desired, versions = node.source.desired(), node.source.versions()
    assert desired
    assert versions
    return staging.staged(desired, versions)


def served(found: Staged) -> str:
    (active,) = (alias.active.served for alias in found.desired.aliases if alias.name == "support-bot")
    return active[: len("support-bot@1")]


def test_an_attested_promotion_began_when_it_was_attested_and_an_emergency_does_not_wait(tmp_path: Path) -> None:
    node = trusting(tmp_path)
    node.work.change(environment("production"), "rollout", to=WAVES)
    node.attest(node.commit("alice", "roll out in waves"))
    staging = Staging("second", "production", node.state, clock=lambda: node.now, wall=lambda: node.wall.timestamp())
    assert served(turn(node, staging)) == "support-bot@1"
    promoted = node.promote("alice", "2")
    node.attest(promoted)
    node.wall += HOUR / 2  # the node was away for half of the bake
    found = turn(node, staging)
    assert served(found) == "support-bot@1"
    assert found.waits[0].due == node.now + 1800
    node.now += 1800
    assert served(turn(node, staging)) == "support-bot@2"
    node.attest(node.revert("alice"))
    assert served(turn(node, staging)) == "support-bot@1"
    urgent = node.promote("carol", "2")
    decision = merged_decision(node.repository, urgent)
    declare(node.repository, decision, "production", "it leaks", HOUR, node.team.key("carol"), node.wall)
    push(Git(node.work.root), "origin")
    found = turn(node, staging)
    assert node.source.accepted == urgent
    assert (served(found), found.waits) == ("support-bot@2", ())
