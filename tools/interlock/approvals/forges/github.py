"""Reads the reviews of a pull request from GitHub or GitHub Enterprise, REST API version 2022-11-28.

A review carries the commit that it was given for. A dismissed review stays in its place in the list with another state,
so it also speaks against what its author said before. Pushers come from the activity of the repository, where the token
may read it; GitHub tells no time of a push that can be relied on, and none is used here.
"""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import quote, urlsplit

from interlock.approvals.forges.address import ForgeAddress
from interlock.approvals.forges.answers import AccountId, CommitId, Shape, ShortText, json_of, read
from interlock.approvals.forges.http import Api, ForgeHttp
from interlock.approvals.forges.paging import linked_pages
from interlock.approvals.forges.proposal import Attempt, Pushers
from interlock.approvals.forges.tokens import token_advice
from interlock.approvals.reviews import ProposalFacts, Review, ReviewerKind, ReviewState
from interlock.errors import ForgeMisbehaved, ForgeRefused

_STATES: Final[dict[str, ReviewState]] = {
    "APPROVED": "approved",
    "CHANGES_REQUESTED": "changes-requested",
    "DISMISSED": "dismissed",
    "COMMENTED": "commented",
}
_KINDS: Final[dict[str, ReviewerKind]] = {"User": "human", "Bot": "bot"}
_PUSHES = frozenset({"push", "force_push", "branch_creation", "pr_merge", "merge_queue_merge"})


class _Account(Shape):
    id: AccountId
    login: ShortText
    type: ShortText = ""


class _Repository(Shape):
    full_name: ShortText


class _Side(Shape):
    ref: ShortText
    sha: CommitId
    repo: _Repository | None = None


class _PullRequest(Shape):
    number: int
    user: _Account | None
    head: _Side
    base: _Side
    merged: bool
    merge_commit_sha: CommitId | None
    updated_at: ShortText


class _Review(Shape):
    id: int
    user: _Account | None
    state: Literal["APPROVED", "CHANGES_REQUESTED", "DISMISSED", "COMMENTED", "PENDING"]
    commit_id: CommitId | None = None


class _Activity(Shape):
    after: CommitId
    activity_type: ShortText
    actor: _Account | None


def github_api(address: ForgeAddress, token: str) -> Api:
    """Where the API of github.com, of ghe.com or of a GitHub Enterprise Server is."""
    host = urlsplit(address.server).netloc
    headers = {
        "Accept": "application/vnd.github+json",
        "Accept-Encoding": "identity",
        "User-Agent": "interlock",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    own = host == "github.com" or host.endswith(".ghe.com")
    return Api(
        f"https://api.{host}" if own else address.server,
        "" if own else "/api/v3",
        headers,
        {"Authorization": f"Bearer {token}"} if token else {},
        token_advice("github"),
    )


class GitHubReader:
    """Reads pull requests of one repository."""

    def __init__(self, http: ForgeHttp, path: str) -> None:
        self._http = http
        self._path = f"/repos/{path}"

    def attempt(self, number: int) -> Attempt:
        """One pass over a pull request; see `proposal.settled`."""
        before = self._pull_request(number)
        listing = linked_pages(self._http, f"{self._path}/pulls/{number}/reviews")
        where = self._http.where(f"{self._path}/pulls/{number}/reviews")
        found = [read(_Review, entry, where) for entry in listing.entries]
        pushers = self._pushers(before.head)
        after = self._pull_request(number)
        facts = ProposalFacts(
            number=number,
            author_account=before.user.id if before.user else None,
            base_ref=before.base.ref,
            head_commit=before.head.sha,
            merged_commit=before.merge_commit_sha if before.merged else None,
            reviews=tuple(_review(review, order) for order, review in enumerate(found) if review.state != "PENDING"),
            complete=not listing.why,
            why_incomplete=listing.why,
        )
        return Attempt(pushers.told_in(facts), moved=listing.moved or before != after)

    def _pull_request(self, number: int) -> _PullRequest:
        path = f"{self._path}/pulls/{number}"
        where = self._http.where(path)
        found = read(_PullRequest, json_of(self._http.get(path), where), where)
        if found.number != number:
            raise ForgeMisbehaved(f"{where}: the answer is about number {found.number}", expected=f"number {number}")
        return found

    def _pushers(self, head: _Side) -> Pushers:
        """Who pushed the branch, from the activity of its repository back to where the branch was made."""
        if head.repo is None:
            return Pushers(why="the repository that the branch was pushed to is gone")
        path = f"/repos/{quote(head.repo.full_name)}/activity"
        try:
            listing = linked_pages(self._http, path, {"ref": f"refs/heads/{head.ref}"})
        except ForgeRefused as error:
            return Pushers(why=f"the activity of {head.repo.full_name} cannot be read ({error.status})")
        where = self._http.where(path)
        return _pushers([read(_Activity, entry, where) for entry in listing.entries], head.sha, listing.why)


def _review(review: _Review, order: int) -> Review:
    user = review.user
    kind = _KINDS.get(user.type, "unknown") if user else "unknown"
    login = user.login if user else None
    return Review(user.id if user else None, login, kind, _STATES[review.state], review.commit_id, order)


def _pushers(activity: list[_Activity], head: str, why: str) -> Pushers:
    """The pushes that made the head, newest first, as far back as the making of the branch."""
    starts = next((index for index, entry in enumerate(activity) if entry.after == head), None)
    if starts is None:
        return Pushers(why="the activity of the repository does not show who pushed the head")
    kinds = [entry.activity_type for entry in activity]
    made = "branch_creation" in kinds[starts:]
    ends = kinds.index("branch_creation", starts) + 1 if made else len(kinds)
    pushes = [entry for entry in activity[starts:ends] if entry.activity_type in _PUSHES]
    accounts = tuple(dict.fromkeys(entry.actor.id for entry in pushes if entry.actor))
    if all(entry.actor for entry in pushes) and made and not why:
        return Pushers(accounts, known=True)
    return Pushers(accounts, why=why or "the activity of the repository does not go back to the first push")
