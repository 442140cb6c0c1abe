"""Reading desired state from a real remote: a commit is accepted or it is not, and what was accepted stays."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from interlock.documents.identifiers import ServedName
from interlock.errors import DocumentError, HistoryRewritten, RemoteUnreachable
from interlock.findings.finding import Verdict
from interlock.history.mirror import Mirror, Remote
from interlock.sync.commit_judge import CommitJudge
from interlock.sync.desired import Desired
from interlock.sync.source import UNKNOWN_PAUSE, DesiredSource, Distrusted, Rejected
from support.git_remotes import Published, publish, served_over_http
from support.repositories import Repository, artifact, environment, git_repository, manifest, pointer

BOT = pointer("dev", "support-bot")
RECIPE = "adapters/support-bot/recipes/2.yaml"


class Node:
    """A node's state directory, and agents that are started on it one after the other."""

    def __init__(self, published: Published, state: Path) -> None:
        self.published = published
        self.repository = published.work
        self.state = state
        self.now = 1000.0
        self.source = self.restarted()

    def restarted(self, env: str = "dev") -> DesiredSource:
        """What the next agent on this node sees."""
        mirror = Mirror(self.state / "mirror", Remote(self.published.url, "main"), timeout=20.0)
        self.source = DesiredSource(CommitJudge(mirror, env), self.state)
        return self.source

    def poll(self) -> bool:
        """Look at the remote now."""
        return self.source.poll(self.now)

    def push(self, message: str = "change") -> str:
        """Commit everything that was written and push it."""
        commit = self.repository.commit(message)
        self.published.push()
        return commit

    def point(self, revision: str) -> str:
        """Promote a revision in `dev`."""
        self.repository.point("dev", "support-bot", active=revision)
        return self.push(f"serve {revision}")

    @property
    def accepted(self) -> str | None:
        """The last accepted commit."""
        return self.source.accepted

    @property
    def rejected(self) -> Rejected | None:
        """The refused commit, as of now."""
        rejected = self.source.rejected
        assert not isinstance(rejected, Distrusted)
        return rejected

    @property
    def why(self) -> str:
        """Why the last commit was refused, "" if it was not."""
        return self.source.rejected.why if self.source.rejected else ""

    @property
    def serves(self) -> str:
        """The revision of `support-bot` that the desired state asks for."""
        return active(self.source.desired())


def active(desired: Desired | None) -> str:
    assert desired
    (found,) = [alias.active.served for alias in desired.aliases if alias.name == "support-bot"]
    return ServedName.parse(found).revision


def kept(desired: Desired | None) -> list[str]:
    assert desired
    (found,) = [alias.kept for alias in desired.aliases if alias.name == "support-bot"]
    return [ServedName.parse(target.served).revision for target in found]


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A node that has not polled yet; the remote serves support-bot 3 in `dev`."""
    work = git_repository(tmp_path / "work")
    return Node(publish(tmp_path / "git", work), tmp_path / "state")


def head(node: Node) -> str:
    return node.repository.git("rev-parse", "HEAD")


def test_before_the_first_poll_nothing_is_desired(node: Node) -> None:
    assert node.source.accepted is None
    assert node.source.attempted is None
    assert node.source.desired() is None


def test_a_commit_that_passes_is_accepted_and_written_down(node: Node) -> None:
    assert node.poll()
    assert node.source.accepted == node.source.attempted == head(node)
    assert node.rejected is None
    assert node.serves == "3"
    assert json.loads((node.state / "accepted.json").read_bytes()) == {"accepted": head(node)}


def test_a_commit_that_was_accepted_is_not_judged_again(node: Node) -> None:
    assert node.poll()
    assert not node.poll()
    assert node.serves == "3"


def test_a_promotion_is_followed(node: Node) -> None:
    node.poll()
    node.point("2")
    assert node.poll()
    assert node.serves == "2"


def test_many_commits_at_once_are_judged_by_the_last_one(node: Node) -> None:
    node.poll()
    node.point("99")
    last = node.point("1")
    assert node.poll()
    assert node.source.accepted == last


def test_what_was_accepted_is_desired_again_after_a_restart_without_the_remote(node: Node) -> None:
    node.poll()
    accepted = node.source.accepted
    node.published.remote.rename(node.published.remote.with_name("gone.git"))
    source = node.restarted()
    assert source.accepted == source.attempted == accepted
    with pytest.raises(RemoteUnreachable):
        node.poll()
    assert node.serves == "3"


def test_after_a_restart_the_same_commit_is_not_judged_again(node: Node) -> None:
    node.poll()
    node.restarted()
    assert not node.poll()
    assert node.serves == "3"


def test_a_refused_commit_leaves_the_accepted_one_and_says_why(node: Node) -> None:
    node.poll()
    accepted = node.source.accepted
    refused = node.point("99")
    assert node.poll()
    assert node.source.accepted == accepted
    assert node.source.attempted == refused
    assert node.serves == "3"
    rejected = node.rejected
    assert rejected
    assert (rejected.commit, rejected.verdict) == (refused, Verdict.FAIL)
    assert rejected.why.startswith(f"commit {refused[:12]} is refused: {BOT}:")
    assert "99" in rejected.why
    assert f"git revert {refused[:12]}" in rejected.remedy


def test_a_refused_commit_is_judged_once(node: Node) -> None:
    node.poll()
    node.point("99")
    assert node.poll()
    node.now += 10 * UNKNOWN_PAUSE
    assert not node.poll()


def test_a_refused_commit_is_refused_again_after_a_restart(node: Node) -> None:
    node.poll()
    node.point("99")
    node.poll()
    node.restarted()
    assert node.poll()
    assert node.why
    assert node.serves == "3"


def test_several_findings_are_counted(node: Node) -> None:
    node.poll()
    node.repository.write(BOT, "kind: [")
    node.repository.write(pointer("dev", "sql-helper"), "kind: [")
    node.push()
    node.poll()
    assert "(and 1 more)" in node.why


def test_a_fix_after_a_refused_commit_is_accepted(node: Node) -> None:
    node.poll()
    node.point("99")
    node.poll()
    fix = node.point("2")
    assert node.poll()
    assert (node.accepted, node.rejected) == (fix, None)
    assert node.serves == "2"


def test_a_plain_revert_of_a_refused_commit_is_accepted(node: Node) -> None:
    node.poll()
    node.point("99")
    node.poll()
    node.repository.git("revert", "--no-edit", "HEAD")
    node.published.push()
    assert node.poll()
    assert node.source.accepted == head(node)
    assert node.serves == "3"


def test_a_manifest_that_goes_away_under_its_pointer_is_refused(node: Node) -> None:
    node.poll()
    node.repository.remove(manifest("support-bot", "3"))
    node.push("revert of a commit that held manifest and pointer")
    node.poll()
    assert node.why
    assert node.serves == "3"


def test_flaws_elsewhere_that_this_environment_does_not_serve_do_not_stop_it(node: Node) -> None:
    node.poll()
    node.repository.point("production", "support-bot", active="99")
    commit = node.push()
    node.poll()
    assert node.source.accepted == commit


def test_a_force_push_is_refused_and_following_goes_on_after_it_is_undone(node: Node) -> None:
    node.poll()
    first = head(node)
    accepted = node.point("2")
    node.poll()
    node.repository.git("reset", "--quiet", "--hard", first)
    node.repository.point("dev", "support-bot", active="1")
    rewritten = node.repository.commit("rewritten")
    node.published.push("--force")
    for _ in range(2):
        with pytest.raises(HistoryRewritten):
            node.poll()
    assert (node.source.accepted, node.source.attempted) == (accepted, rewritten)
    assert node.serves == "2"
    node.repository.git("reset", "--quiet", "--hard", accepted)
    node.published.push("--force")
    assert not node.poll()
    assert node.source.attempted == accepted
    newer = node.point("3")
    assert node.poll()
    assert node.source.accepted == newer


def test_a_refused_commit_that_is_taken_back_by_force_is_forgotten(node: Node) -> None:
    node.poll()
    accepted = head(node)
    node.point("99")
    node.poll()
    node.published.go_back_to(accepted)
    node.published.push("--force")
    assert not node.poll()
    assert (node.source.accepted, node.source.attempted, node.source.rejected) == (accepted, accepted, None)


def test_a_refused_commit_that_is_replaced_by_force_does_not_block_the_fix(node: Node) -> None:
    node.poll()
    accepted = head(node)
    node.point("99")
    node.poll()
    node.published.go_back_to(accepted)
    node.repository.point("dev", "support-bot", active="2")
    fix = node.repository.commit("fix")
    node.published.push("--force")
    assert node.poll()
    assert node.source.accepted == fix


def test_an_unreachable_remote_leaves_everything_as_it_is(node: Node) -> None:
    node.poll()
    node.published.remote.rename(node.published.remote.with_name("gone.git"))
    with pytest.raises(RemoteUnreachable):
        node.poll()
    assert node.serves == "3"
    node.published.remote.with_name("gone.git").rename(node.published.remote)
    node.point("2")
    assert node.poll()
    assert node.serves == "2"


def test_a_mirror_that_somebody_removed_is_made_again(node: Node) -> None:
    node.poll()
    shutil.rmtree(node.state / "mirror")
    node.restarted()
    assert not node.poll()
    assert node.serves == "3"


def test_the_state_directory_of_another_remote_is_not_trusted(node: Node, tmp_path: Path) -> None:
    node.poll()
    other = git_repository(tmp_path / "other")
    other.point("dev", "support-bot", active="1")
    other.git("commit", "--quiet", "--all", "--amend", "--message", "another beginning")
    node.published = publish(tmp_path / "other-git", other)
    node.restarted()
    with pytest.raises(HistoryRewritten):
        node.poll()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b"{}", b'{"accepted": null}', b'{"accepted": 7}', b'{"accepted": "main"}',
     b'{"accepted": "0123"}', b'{"accepted": "--help"}', b'{"accepted": ["x"]}', b"\xff\xfe", b"[" * 4000, b" " * 5000,
     b'{"accepted": "' + b"a" * 41 + b'"}'],
    ids=range(15),
)  # fmt: skip
def test_a_damaged_record_is_an_error_and_never_a_new_beginning(node: Node, content: bytes) -> None:
    node.poll()
    (node.state / "accepted.json").write_bytes(content)
    with pytest.raises(DocumentError) as error:
        node.restarted()
    assert "accepted.json" in error.value.found
    assert "accepted.json" in error.value.remedy


def test_a_record_that_was_removed_on_purpose_begins_anew(node: Node) -> None:
    node.poll()
    (node.state / "accepted.json").unlink()
    assert node.restarted().accepted is None
    assert node.poll()
    assert node.source.accepted == head(node)


def test_a_commit_that_cannot_be_written_down_is_not_accepted(node: Node) -> None:
    node.poll()
    accepted = node.source.accepted
    (node.state / "accepted.json").unlink()
    (node.state / "accepted.json").mkdir()
    (node.state / "accepted.json" / "below").touch()
    node.point("2")
    with pytest.raises(OSError, match="Is a directory"):
        node.poll()
    assert node.source.accepted == accepted
    assert node.serves == "3"


def test_an_environment_that_the_repository_does_not_have_accepts_nothing(node: Node) -> None:
    node.restarted("prod")
    node.poll()
    assert node.source.accepted is None
    assert "there is no environment prod" in node.why


def out_of_reach(node: Node, revision: str) -> None:
    """Let the manifest name a place that this version cannot read, so that nothing is known about the bytes."""
    node.repository.change(manifest("support-bot", revision), "artifact", "uri", to="s3://bucket/adapter")


def test_bytes_that_are_out_of_reach_are_not_evaluated_and_tried_again_after_a_pause(node: Node) -> None:
    node.poll()
    accepted = node.source.accepted
    out_of_reach(node, "2")
    node.point("2")
    assert node.poll()
    rejected = node.rejected
    assert rejected
    assert rejected.verdict is Verdict.UNKNOWN
    assert node.source.accepted == accepted
    node.now += UNKNOWN_PAUSE - 0.1
    assert not node.poll()
    node.now += 0.1
    assert node.poll()
    assert node.serves == "3"


@pytest.mark.parametrize("path", [f"{artifact('support-bot', '2')}/README.md", RECIPE])
def test_a_commit_whose_bytes_could_not_be_downloaded_is_accepted_as_soon_as_they_can(node: Node, path: str) -> None:
    large = os.urandom(300_000)
    node.repository.write(path, large)
    node.repository.reseal("support-bot", "2")
    digest = f"sha256:{hashlib.sha256((node.repository.root / RECIPE).read_bytes()).hexdigest()}"
    node.repository.change(manifest("support-bot", "2"), "provenance", "recipe", "digest", to=digest)
    with served_over_http(node.published.remote.parent) as remote:
        mirror = Mirror(node.state / "mirror", Remote(f"{remote.address}/remote.git", "main"), timeout=20.0)
        node.source = DesiredSource(CommitJudge(mirror, "dev"), node.state)
        node.poll()
        commit = node.point("2")
        remote.withheld.add(node.repository.git("rev-parse", f"HEAD:{path}"))
        node.poll()
        assert [rejected.verdict for rejected in (node.rejected,) if rejected] == [Verdict.UNKNOWN]
        assert node.serves == "3"
        remote.withheld.clear()
        assert not node.poll()
        node.now += UNKNOWN_PAUSE
        assert node.poll()
        assert (node.accepted, node.rejected) == (commit, None)
        assert node.serves == "2"


def test_going_back_keeps_the_other_revision_loaded(node: Node) -> None:
    node.poll()
    assert kept(node.source.desired()) == []
    node.point("2")
    node.poll()
    assert kept(node.source.desired()) == ["3"]
    node.point("3")
    node.poll()
    assert kept(node.source.desired()) == ["2"]


def test_the_target_of_the_next_rollback_is_kept_and_not_the_one_rolled_away_from(node: Node) -> None:
    for revision in ("1", "2", "1"):
        node.point(revision)
    node.poll()
    assert kept(node.source.desired()) == ["3"]


def test_what_is_kept_is_the_same_after_a_restart(node: Node) -> None:
    node.point("2")
    node.poll()
    before = node.source.desired()
    assert node.restarted().desired() == before


def make_unfit(repository: Repository, revision: str) -> None:
    """Give a revision a rank that no environment's engine takes."""
    repository.replace_adapter("support-bot", revision, rank=64)


def test_a_revision_that_the_checker_refused_is_never_kept_after_its_revert(node: Node) -> None:
    make_unfit(node.repository, "2")
    node.push("register an adapter that the engine cannot take")
    node.poll()
    node.point("2")
    node.poll()
    assert "rank" in node.why
    node.repository.git("revert", "--no-edit", "HEAD")
    node.published.push()
    node.poll()
    assert node.rejected is None
    assert node.serves == "3"
    assert kept(node.source.desired()) == []
    assert kept(node.restarted().desired()) == []


def test_an_earlier_revision_whose_bytes_are_damaged_now_is_not_kept(node: Node) -> None:
    node.point("2")
    weights = node.repository.root / artifact("support-bot", "3") / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\xff")
    node.push("damage")
    node.poll()
    assert node.rejected is None
    assert kept(node.source.desired()) == []


def test_an_earlier_revision_whose_bytes_are_out_of_reach_is_still_wanted(node: Node) -> None:
    node.point("2")
    out_of_reach(node, "3")
    node.push("moved away")
    node.poll()
    assert kept(node.source.desired()) == ["3"]


def test_as_many_earlier_revisions_are_kept_as_the_environment_says_and_pass(node: Node) -> None:
    node.repository.change(environment("dev"), "keep_previous", to=2)
    for revision in ("1", "2", "3"):
        node.point(revision)
    make_unfit(node.repository, "2")
    node.push("an unfit one in between")
    node.poll()
    assert kept(node.source.desired()) == ["1"]
