"""Which commit an approval of GitLab is about: by versions, by notes, or not at all."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from interlock.approvals.forges.gitlab_approvals import Approval, Note, User, Version, decisions, pushers
from interlock.approvals.reviews import ProposalFacts
from interlock.errors import ForgeMisbehaved
from support.forges.gitlab_simulator import GitLabSimulator
from support.forges.reading import forge
from support.forges.telling import AUTHOR, Story, reply, sha
from support.scripted_engine import ReceivedRequest

ALICE, BOB, CAROL = User(1001, "alice"), User(1002, "bob"), User(1003, "carol")
START = dt.datetime(2026, 11, 20, 8, 0, tzinfo=dt.UTC)
APPROVED, WITHDRAWN, PUSHED = "approved this merge request", "unapproved this merge request", "added 2 commits\n\n<ul>"


def at(minute: int) -> dt.datetime:
    return START + dt.timedelta(minutes=minute)


def commit_of(approval: Approval, notes: list[Note], versions: list[Version]) -> str | None:
    (decision,) = decisions([approval], [], notes, versions)
    return decision.commit


def test_the_newest_version_before_the_approval_was_seen() -> None:
    versions = [Version("c", at(30)), Version("b", at(10)), Version("a", at(0))]
    assert commit_of(Approval(BOB, at(20)), [], versions) == "b"


def test_the_note_tells_the_time_where_the_approval_does_not() -> None:
    notes = [Note(5, BOB, at(20), APPROVED)]
    assert commit_of(Approval(BOB, None), notes, [Version("b", at(10)), Version("a", at(0))]) == "b"


def test_an_approval_without_any_time_is_for_no_commit() -> None:
    assert commit_of(Approval(BOB, at(20)), [], [Version("a", at(0))]) is None
    assert commit_of(Approval(BOB, None), [], [Version("a", at(0))]) is None


def test_an_approval_before_every_version_is_for_no_commit() -> None:
    assert commit_of(Approval(BOB, at(0)), [Note(1, BOB, at(0), APPROVED)], [Version("a", at(1))]) is None


def test_a_version_of_the_very_same_time_was_not_seen() -> None:
    notes = [Note(1, BOB, at(10), APPROVED)]
    assert commit_of(Approval(BOB, at(10)), notes, [Version("b", at(10)), Version("a", at(0))]) == "a"


def test_bypass_8_a_push_noted_after_the_approval_keeps_it_from_the_head_whatever_the_clocks_say() -> None:
    notes = [Note(1, BOB, at(20), APPROVED), Note(2, ALICE, at(19), PUSHED)]
    assert commit_of(Approval(BOB, at(20)), notes, [Version("b", at(10)), Version("a", at(0))]) is None


def test_an_approval_given_again_after_a_push_is_for_the_head() -> None:
    notes = [Note(1, BOB, at(5), APPROVED), Note(2, ALICE, at(10), PUSHED), Note(3, BOB, at(20), APPROVED)]
    assert commit_of(Approval(BOB, at(20)), notes, [Version("b", at(10)), Version("a", at(0))]) == "b"


def test_an_approval_that_was_taken_back_is_told_as_dismissed() -> None:
    notes = [Note(1, BOB, at(5), APPROVED), Note(2, BOB, at(6), WITHDRAWN)]
    (decision,) = decisions([], [], notes, [Version("a", at(0))])
    assert (decision.user, decision.state) == (BOB, "dismissed")


def test_a_request_for_changes_comes_after_everything_else() -> None:
    found = decisions([Approval(BOB, at(5))], [BOB], [Note(1, BOB, at(5), APPROVED)], [Version("a", at(0))])
    assert [decision.state for decision in found] == ["approved", "changes-requested"]


def test_pushers_come_from_what_gitlab_notes() -> None:
    notes = [Note(1, CAROL, at(1), "added 1 commit"), Note(2, BOB, at(2), "added to the list: 1 commit")]
    assert pushers(notes) == (CAROL.id,)


def told(simulator: Any) -> ProposalFacts:
    with forge("gitlab", simulator) as reading:
        return reading.read()


def approved() -> GitLabSimulator:
    story = Story()
    story.say(BOB.id, "approved")
    return GitLabSimulator(story)


def test_an_older_gitlab_that_tells_no_time_of_approvals_is_read_by_its_notes() -> None:
    simulator = approved()
    simulator.tells_times = False
    assert [review.commit for review in told(simulator).reviews] == [sha("a")]


def test_bypass_15_the_bot_of_a_project_is_a_bot() -> None:
    simulator = approved()
    simulator.bots = {BOB.id}
    assert [review.kind for review in told(simulator).reviews] == ["bot"]


@pytest.mark.parametrize("status", [403, 404])
def test_an_account_that_cannot_be_looked_up_is_of_unknown_kind(status: int) -> None:
    simulator = approved()

    def hidden(request: ReceivedRequest) -> list[bytes]:
        return reply({"message": "no"}, status=status) if "/users/" in request.path else simulator(request)

    assert [review.kind for review in told(hidden).reviews] == ["unknown"]


def test_a_gitlab_that_does_not_tell_who_asked_for_changes_is_incomplete() -> None:
    simulator = approved()

    def older(request: ReceivedRequest) -> list[bytes]:
        return reply({"error": "404 Not Found"}, status=404) if "/reviewers" in request.path else simulator(request)

    facts = told(older)
    assert not facts.complete
    assert "asked for changes" in facts.why_incomplete


def test_notes_that_are_hidden_from_the_token_do_not_make_it_incomplete() -> None:
    simulator = approved()

    def hiding(request: ReceivedRequest) -> list[bytes]:
        (whole,) = simulator(request)
        return [whole.replace(b"X-Total: 2", b"X-Total: 9") if "/notes" in request.path else whole]

    assert told(hiding).complete


def test_versions_that_are_fewer_than_counted_are_incomplete() -> None:
    simulator = approved()

    def hiding(request: ReceivedRequest) -> list[bytes]:
        (whole,) = simulator(request)
        return [whole.replace(b"X-Total: 1", b"X-Total: 2") if "/versions" in request.path else whole]

    assert not told(hiding).complete


@pytest.mark.parametrize("time", ["yesterday", "2026-11-20T08:00:00", "", "9999999999"])
def test_a_time_that_is_none_is_misbehaviour(time: str) -> None:
    simulator = approved()

    def wrong(request: ReceivedRequest) -> list[bytes]:
        (whole,) = simulator(request)
        head, _, body = whole.partition(b"\r\n\r\n")
        changed = body.replace(b'"approved_at": "2026-11-20T08:01:00Z"', f'"approved_at": "{time}"'.encode())
        length = f"Content-Length: {len(body)}".encode(), f"Content-Length: {len(changed)}".encode()
        return [head.replace(*length) + b"\r\n\r\n" + changed]

    with pytest.raises(ForgeMisbehaved, match=r"no time with a time zone"):
        told(wrong)


@pytest.mark.parametrize(
    ("keys", "commit"),
    [
        ({"merge_commit_sha": sha("1"), "squash_commit_sha": sha("2")}, sha("1")),
        ({"merge_commit_sha": None, "squash_commit_sha": sha("2")}, sha("2")),
        ({"merge_commit_sha": None, "squash_commit_sha": None}, sha("a")),
    ],
    ids=["merge", "squash", "fast-forward"],
)
def test_the_merged_commit_of_every_way_of_merging(keys: dict[str, str | None], commit: str) -> None:
    class Merged(GitLabSimulator):
        def merge_request(self) -> dict[str, Any]:
            return {**super().merge_request(), "state": "merged", **keys}

    facts = told(Merged(Story()))
    assert facts.merged_commit == commit
    assert facts.author_account == AUTHOR
