"""Nodes that follow one real remote in waves: the git side and the rollout of each, without an engine.

    fleet = Fleet.begin(tmp_path, waves=[{"nodes": ["first"], "bake": "1h"}, {"percent": 100}])
    fleet.point("2"), fleet.pass_time(60)
    fleet.served("first", "second") == {"first": "2", "second": "3"}

Both clocks move only when a test moves them; the wall clock of one node may be wrong by any time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlock.documents.identifiers import ServedName
from interlock.history.mirror import Mirror, Remote
from interlock.sync.commit_judge import CommitJudge
from interlock.sync.rollout import Staged
from interlock.sync.source import DesiredSource
from interlock.sync.staging import Staging
from support.git_remotes import Published, publish
from support.repositories import environment, git_repository

START = 2_000_000_000.0
"""A time after every commit that is dated by the clock of this machine."""
ENV = "dev"
ALIAS = "support-bot"


@dataclass
class WaveNode:
    """One node: its own state directory and mirror, a monotonic and a wall clock."""

    name: str
    published: Published
    state: Path
    now: float = 1000.0
    wall: float = START
    held: Collection[str] = ()
    source: DesiredSource = field(init=False)
    staging: Staging = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self, name: str = "") -> None:
        """Start another agent on the same state directory, under another name if one is given."""
        self.name, self.now = name or self.name, self.now + 17.0
        mirror = Mirror(self.state / "mirror", Remote(self.published.url, "main"), timeout=20.0)
        self.source = DesiredSource(CommitJudge(mirror, ENV), self.state)
        self.staging = Staging(self.name, ENV, self.state, clock=lambda: self.now, wall=lambda: self.wall)

    def turn(self, *, poll: bool = True) -> Staged:
        """What an agent does before it looks at its engine."""
        if poll:
            self.source.poll(self.now)
        desired, versions = self.source.desired(), self.source.versions()
        assert desired
        assert versions
        return self.staging.staged(desired, versions, self.held)

    def serves(self, *, poll: bool = True) -> str:
        """The active revision that this node follows now, "" while it follows none."""
        found = [alias.active.served for alias in self.turn(poll=poll).desired.aliases if alias.name == ALIAS]
        return ServedName.parse(found[0]).revision if found else ""


@dataclass
class Fleet:
    """A remote and nodes that follow it."""

    published: Published
    directory: Path
    nodes: dict[str, WaveNode] = field(default_factory=dict)
    wall: float = START

    @classmethod
    def begin(cls, directory: Path, names: Sequence[str] = (), *, young: bool = False, **rollout: Any) -> Fleet:
        """Publish the small repository with a rollout, and let nodes follow it; support-bot 3 is active.

        It is as old as the clock of this machine says, or, if it is `young`, of this moment.
        """
        work = git_repository(directory / "work")
        work.change(environment(ENV), "rollout", to=rollout)
        if young:
            work.git("update-ref", "-d", "HEAD")
        work.commit("Roll out in waves", at=dt.datetime.fromtimestamp(START, dt.UTC))
        fleet = cls(publish(directory / "git", work), directory)
        fleet.published.push()
        for name in names:
            fleet.join(name)
        return fleet

    def join(self, name: str) -> WaveNode:
        """Let another node begin."""
        node = self.nodes[name] = WaveNode(name, self.published, self.directory / name, wall=self.wall)
        return node

    def commit(self, message: str = "change") -> str:
        """Commit and push whatever was written, dated as the right time is."""
        commit = self.published.work.commit(message, at=dt.datetime.fromtimestamp(self.wall, dt.UTC))
        self.published.push()
        return commit

    def point(self, revision: str, adapter: str = ALIAS, **fields: Any) -> str:
        """Make a revision active, and nothing else."""
        self.published.work.point(ENV, adapter, active=revision, **fields)
        return self.commit(f"serve {adapter} {revision}")

    def pass_time(self, seconds: float) -> None:
        """Let time pass everywhere."""
        self.wall += seconds
        for node in self.nodes.values():
            node.now += seconds
            node.wall += seconds

    def serves(self, *, poll: bool = True) -> Mapping[str, str]:
        """What every node follows now."""
        return {name: node.serves(poll=poll) for name, node in self.nodes.items()}
