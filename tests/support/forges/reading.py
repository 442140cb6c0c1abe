"""Opens readers at simulators, with a clock that nobody waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from interlock.approvals.forges.address import ForgeAddress, ForgeKind, forge_address
from interlock.approvals.forges.forgejo import ForgejoReader, forgejo_api
from interlock.approvals.forges.github import GitHubReader, github_api
from interlock.approvals.forges.gitlab import GitLabReader, gitlab_api
from interlock.approvals.forges.http import ForgeHttp
from interlock.approvals.forges.proposal import settled
from interlock.approvals.reviews import ProposalFacts
from support.forges.forgejo_simulator import ForgejoSimulator
from support.forges.github_simulator import GitHubSimulator
from support.forges.gitlab_simulator import GitLabSimulator
from support.forges.telling import NUMBER, PATH, Story
from support.scripted_engine import Script, ScriptedEngine, scripted_engine

TOKEN = "the-forges-token"
NOW = 1_795_600_000.0
KINDS: tuple[ForgeKind, ...] = ("github", "gitlab", "forgejo")
_APIS = {"github": github_api, "gitlab": gitlab_api, "forgejo": forgejo_api}
_Reader = GitHubReader | GitLabReader | ForgejoReader
_READERS: dict[ForgeKind, Callable[[ForgeHttp, str], _Reader]] = {
    "github": GitHubReader,
    "gitlab": GitLabReader,
    "forgejo": ForgejoReader,
}

Simulator = GitHubSimulator | GitLabSimulator | ForgejoSimulator


@dataclass
class FakeClock:
    """A clock that only moves when somebody sleeps."""

    time: float = NOW
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def simulator(kind: ForgeKind, story: Story) -> Simulator:
    """The simulator of a forge, telling a story."""
    makers: dict[ForgeKind, Callable[[Story], Simulator]] = {
        "github": GitHubSimulator,
        "gitlab": GitLabSimulator,
        "forgejo": ForgejoSimulator,
    }
    return makers[kind](story)


@dataclass
class Reading:
    """A server that plays a forge, and how to read it."""

    kind: ForgeKind
    server: ScriptedEngine
    clock: FakeClock = field(default_factory=FakeClock)

    @property
    def address(self) -> ForgeAddress:
        return forge_address(f"{self.kind}:{self.server.url}/{PATH}#{NUMBER}")

    def http(self, *, call_s: float = 10.0, patience_s: float = 120.0, all_s: float = 600.0) -> ForgeHttp:
        api = _APIS[self.kind](self.address, TOKEN)
        return ForgeHttp(api, clock=self.clock, call_s=call_s, patience_s=patience_s, all_s=all_s)

    def read(self, *, call_s: float = 10.0, patience_s: float = 120.0) -> ProposalFacts:
        http = self.http(call_s=call_s, patience_s=patience_s)
        return settled(_READERS[self.kind](http, PATH).attempt, NUMBER)


@contextmanager
def forge(kind: ForgeKind, script: Script) -> Iterator[Reading]:
    """A forge that answers by a script."""
    with scripted_engine(script) as server:
        yield Reading(kind, server)
