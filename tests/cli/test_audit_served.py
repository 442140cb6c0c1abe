"""`interlock audit --served`: what served a tenant at a time, by receipts and by git, and what nobody can say."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from interlock.approvals.unattended_key import load_unattended_key
from interlock.documents.identifiers import Digest, ServedName
from interlock.history.remote import Remote
from interlock.receipts.journal import Journal, segments
from interlock.receipts.push.loop import Pusher
from interlock.receipts.push.to_git import ToGit
from interlock.receipts.receipt import AliasRoute, CanaryShare, EngineSeen, Event, Revision
from interlock.receipts.witnessed import Witnessed
from support.command_line import Outcome, interlock
from support.repositories import Repository, git_repository, manifest
from support.signing_keys import SigningKey, make_key

DAY = dt.datetime(2026, 11, 1, 9, tzinfo=dt.UTC)
NODE = "gpu-1"


def day(number: float) -> dt.datetime:
    return DAY + dt.timedelta(days=number)


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return make_key(tmp_path_factory.mktemp("node-key"), "node")


@dataclass
class Story:
    """A branch on which dev serves revision 3, then 2 on day 1, then 1 on day 3, and a node that followed it."""

    repository: Repository
    directory: Path
    key: SigningKey
    commits: list[str] = field(default_factory=list)
    now: dt.datetime = DAY

    def __post_init__(self) -> None:
        signer = load_unattended_key(self.key.path)
        self.journal = Journal(
            self.directory, NODE, "dev", signer, lambda: self.now.timestamp(), lambda: self.now.timestamp()
        )

    def tell(self, active: str, at: dt.datetime, **fields: Any) -> None:
        self.repository.point("dev", "support-bot", active=active, **fields)
        self.commits.append(self.repository.commit(f"serve {active}", at=at))

    def revision(self, number: str) -> Revision:
        digest = self.repository.read(manifest("support-bot", number))["artifact"]["digest"]
        return Revision(served=str(ServedName.of("support-bot", number, Digest(digest))), digest=digest)

    def serve(self, number: str, at: dt.datetime, event: Event = "flipped", canary: CanaryShare | None = None) -> None:
        routes = {"support-bot": AliasRoute(active=self.revision(number), canary=canary)}
        commit = self.commits[-1]
        self.now = at
        engine = EngineSeen(kind="vllm", version="0.32.0", process="1")
        self.journal.append(event, Witnessed(commit, "", routes, engine, "yes"))

    def asked(self, at: float, *words: str | Path, known: bool = True, own: bool = True) -> Outcome:
        """The answer to a question about `support-bot`; `known`: to an auditor who knows the node's key."""
        words = (*words, "--node-key", f"{NODE}={self.key.public}") if known else words
        words = (*words, "--receipts", self.directory) if own else words
        when = day(at).isoformat()
        return interlock(
            "audit", "-C", self.repository.root, "--served", "--at", when, "--alias", "support-bot", *words
        )

    def told(self, at: float, *words: str | Path, **how: bool) -> dict[str, Any]:
        [row] = self.asked(at, "--format", "json", *words, **how).document["served"]
        found: dict[str, Any] = row
        return found


@pytest.fixture
def story(tmp_path: Path, key: SigningKey) -> Story:
    repository = git_repository(tmp_path / "repository")
    repository.git("commit", "--quiet", "--amend", "--no-edit", at=DAY)
    story = Story(repository, tmp_path / "receipts", key, [repository.git("rev-parse", "HEAD")])
    story.serve("3", day(0.1), "began")
    story.tell("2", day(1))
    story.serve("2", day(1.01))
    story.tell("1", day(3))
    story.serve("1", day(3.5))
    return story


def test_it_tells_what_served_a_tenant_and_which_commit_said_so(story: Story) -> None:
    outcome = story.asked(2, "--tenant", "acme")
    assert outcome.status == 0, outcome.err
    assert (
        f"gpu-1  dev/support-bot: {story.revision('2').served} ({story.revision('2').digest}), as alias" in outcome.out
    )
    assert f"told by {story.commits[1][:12]}, 2026-11-02 09:00:00 UTC (committer): allowed" in outcome.out
    row = story.told(2)
    assert (row["decided_by"]["commit"], row["proven"], row["signed_with"]) == (
        story.commits[1],
        True,
        story.key.fingerprint,
    )
    assert (row["since"], row["until"]) == ("2026-11-02T09:14:24.000Z", "2026-11-04T21:00:00.000Z")


def test_it_tells_what_the_node_served_and_not_what_git_wished(story: Story) -> None:
    row = story.told(3.2)
    assert row["served"] == story.revision("2").served
    assert row["until"] == "2026-11-04T21:00:00.000Z"


def test_a_canary_tenant_gets_the_canary_and_the_rest_draws_by_request(story: Story) -> None:
    story.tell("1", day(4), canary={"revision": "2", "weight": 10, "tenants": ["acme"]})
    two = story.revision("2")
    share = CanaryShare(served=two.served, digest=two.digest, weight="10.0", tenants=("acme",))
    story.serve("1", day(4.1), canary=share)
    row = story.told(5, "--tenant", "acme")
    assert (row["served"], row["reason"], row["decided_by"]["commit"]) == (
        two.served,
        "canary-tenant",
        story.commits[-1],
    )
    assert story.told(5)["known"] == "by request"
    assert story.told(5, "--user", "someone")["known"] == "served"


def test_a_node_that_lags_behind_is_said_to(story: Story) -> None:
    story.commits.append(story.commits[-1])
    story.serve("2", day(4))
    row = story.told(4.5)
    assert row["decided_by"]["commit"] == story.commits[1]
    assert "git told active 1 since" in row["notes"][0]


def test_before_the_first_receipt_nothing_is_known(story: Story) -> None:
    outcome = story.asked(0)
    assert outcome.status == 4
    assert "NOT KNOWN: its receipts begin at 2026-11-01 11:24:00 UTC" in outcome.out


def test_receipts_of_a_key_that_nobody_vouches_for_prove_nothing(story: Story) -> None:
    outcome = story.asked(2, known=False)
    assert outcome.status == 4
    assert "NOT PROVEN: neither the roster nor --node-key gives the key" in outcome.out


def test_the_roster_says_whose_key_it_is_and_that_it_was_revoked(story: Story) -> None:
    roster = story.repository.read("policies/roster.yaml")
    entry: dict[str, Any] = {"name": NODE, "keys": [story.key.public], "roles": ["node"]}
    story.repository.write("policies/roster.yaml", roster | {"machines": [*roster.get("machines", []), entry]})
    story.repository.commit("name the node", at=day(4))
    assert story.asked(2, known=False).status == 0
    entry["keys"] = [{"key": story.key.public, "revoked": "2026-11-06"}]
    story.repository.write("policies/roster.yaml", roster | {"machines": [*roster.get("machines", []), entry]})
    story.repository.commit("revoke its key", at=day(5))
    outcome = story.asked(2, known=False)
    assert outcome.status == 4
    assert "was revoked on 2026-11-06" in outcome.out


def test_a_receipt_that_was_taken_out_is_told_and_leaves_its_time_open(story: Story) -> None:
    [(_, path)] = segments(story.directory)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    outcome = story.asked(2)
    assert outcome.status == 1
    assert "Wrong: gpu-1: #1 of chain" in outcome.out
    assert "NOT KNOWN: receipts are missing between" in outcome.out


def test_bytes_that_are_no_receipt_are_told_with_their_place(story: Story) -> None:
    [(_, path)] = segments(story.directory)
    path.write_bytes(b"{}\n" + path.read_bytes() + b'{"rec')
    outcome = story.asked(2)
    assert outcome.status == 1
    assert "Wrong: line 1 of" in outcome.out
    assert "Note: line 5 of" in outcome.out


def test_a_commit_that_is_not_on_the_branch_is_told(story: Story) -> None:
    story.commits.append("b" * 40)
    story.serve("1", day(5))
    outcome = story.asked(6)
    assert outcome.status == 1
    assert "followed bbbbbbbbbbbb, which is no commit of this branch" in outcome.out


def test_a_node_that_reads_a_directory_is_followed_by_the_tree_that_it_names(story: Story) -> None:
    story.tell("2", day(4))
    trees = [story.repository.git("rev-parse", f"{commit}^{{tree}}") for commit in story.commits]
    assert trees[1] == trees[3]
    for number, (active, at) in enumerate((("2", 4.1), ("1", 4.2), ("2", 4.3)), start=1):
        story.commits.append(trees[number])
        story.serve(active, day(at))
    assert story.told(4.15)["decided_by"]["commit"] == story.commits[3]
    assert story.told(4.25)["decided_by"]["commit"] == story.commits[2]
    story.now = day(2)
    assert story.asked(4.15).status == 0


def test_only_the_receipts_of_one_node_are_read_if_asked(story: Story, tmp_path: Path) -> None:
    other = Story(story.repository, tmp_path / "other", story.key, story.commits)
    other.journal.node = "gpu-2"
    other.serve("3", day(1), "began")
    words = ("--receipts", other.directory, "--node-key", f"gpu-2={story.key.public}", "--format", "json")
    assert [row["node"] for row in story.asked(2, *words).document["served"]] == ["gpu-1", "gpu-2"]
    assert [row["node"] for row in story.asked(2, *words, "--on-node", "gpu-2").document["served"]] == ["gpu-2"]
    assert story.asked(2, "--on-node", "gpu-3").status == 4


def test_what_no_commit_told_is_told(story: Story) -> None:
    other = story.repository
    (other.root / "adapters/support-bot/revisions/4.yaml").write_text(
        (other.root / manifest("support-bot", "3")).read_text().replace('"3"', '"4"')
    )
    story.serve("4", day(5))
    (other.root / "adapters/support-bot/revisions/4.yaml").unlink()
    outcome = story.asked(6)
    assert outcome.status == 1
    assert "told dev to serve support-bot@4" in outcome.out


def test_other_bytes_than_git_names_are_told(story: Story) -> None:
    routes = {
        "support-bot": AliasRoute(active=Revision(served=story.revision("1").served, digest=f"sha256:{'0' * 64}"))
    }
    story.now = day(5)
    story.journal.append("flipped", Witnessed(story.commits[-1], "", routes, EngineSeen(), "yes"))
    outcome = story.asked(6)
    assert outcome.status == 1
    assert "the node served other bytes as support-bot@1" in outcome.out


def test_a_receipt_that_is_older_than_its_commit_shows_a_wrong_clock(story: Story) -> None:
    story.tell("2", day(9))
    story.serve("2", day(5))
    assert "one of the clocks was wrong" in story.told(6)["notes"][0]


def test_receipts_come_from_the_refs_that_nodes_pushed(story: Story, tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    story.repository.git("init", "--quiet", "--bare", str(remote))
    place = ToGit(tmp_path / "pushed.git", Remote(f"file://{remote}", "main"))
    assert Pusher(place, story.directory, tmp_path / "marks").push()
    assert "run git fetch origin 'refs/interlock/receipts/*" in story.asked(2, own=False).out
    refs = "refs/interlock/receipts/*:refs/interlock/receipts/*"
    story.repository.git("fetch", "--quiet", f"file://{remote}", refs)
    outcome = story.asked(2, "--tenant", "acme", own=False)
    assert outcome.status == 0, outcome.out
    assert "by the receipts of refs/interlock/receipts/gpu-1:" in outcome.out


def test_a_copy_that_ends_early_is_told_where_another_goes_on(story: Story, tmp_path: Path) -> None:
    [(_, path)] = segments(story.directory)
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    outcome = story.asked(4, "--receipts", copy)
    assert outcome.status == 0
    assert "copy.jsonl ends with #1 of chain" in outcome.out


@pytest.mark.parametrize(
    "words",
    [
        ("--served",),
        ("--at", "2026-11-02", "--tenant", "acme"),
        ("--served", "--at", "2999-01-01"),
        ("--served", "--at", "2026-11-02", "--node-key", "gpu-1"),
        ("--served", "--at", "2026-11-02", "--node-key", "gpu-1=/absent.pub"),
        ("--served", "--at", "2026-11-02", "--receipts", "/absent"),
    ],
)
def test_questions_that_nobody_can_answer_are_refused(story: Story, words: tuple[str, ...]) -> None:
    assert interlock("audit", "-C", story.repository.root, *words).status == 2


def test_the_key_of_a_node_may_be_named_by_its_file(story: Story) -> None:
    named = f"{NODE}={story.key.public_path}"
    assert story.asked(2, "--node-key", named, known=False).status == 0
