"""Reads the reviews of a pull request from Forgejo or Gitea, REST API version 1.

A review carries the commit that it was given for, and the binding is by that commit: `stale` says less (a push that
leaves the differences as they were does not set it), `official` says only that the account could write then. The API
does not tell people from machines, so every account is of unknown kind and the roster decides.
"""

from __future__ import annotations

from typing import Final, Literal

from interlock.approvals.forges.address import ForgeAddress
from interlock.approvals.forges.answers import CommitId, Shape, ShortText, json_of, read
from interlock.approvals.forges.http import Api, ForgeHttp
from interlock.approvals.forges.paging import Listing, numbered_pages
from interlock.approvals.forges.proposal import Attempt
from interlock.approvals.forges.tokens import token_advice
from interlock.approvals.reviews import ProposalFacts, Review, ReviewState
from interlock.errors import ForgeMisbehaved

_STATES: Final[dict[str, ReviewState]] = {
    "APPROVED": "approved",
    "REQUEST_CHANGES": "changes-requested",
    "COMMENT": "commented",
}
_PUSHERS_UNKNOWN: Final = "Forgejo and Gitea note no push from before the pull request was opened"


class _Account(Shape):
    id: int
    login: ShortText

    @property
    def number(self) -> int | None:
        """The account; deleted accounts and the forge's own machinery have numbers below 1."""
        return self.id if self.id > 0 else None


class _Side(Shape):
    ref: ShortText
    sha: CommitId


class _PullRequest(Shape):
    number: int
    user: _Account | None
    head: _Side
    base: _Side
    merged: bool
    merge_commit_sha: CommitId | None = None
    updated_at: ShortText


class _Review(Shape):
    id: int
    user: _Account | None = None
    state: Literal["APPROVED", "REQUEST_CHANGES", "COMMENT", "PENDING", "REQUEST_REVIEW", ""]
    commit_id: Literal[""] | CommitId | None = None
    dismissed: bool


class _Event(Shape):
    type: ShortText = ""
    user: _Account | None = None


def forgejo_api(address: ForgeAddress, token: str) -> Api:
    """Where the API of a Forgejo or Gitea is."""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "interlock"}
    authorization = {"Authorization": f"token {token}"} if token else {}
    return Api(address.server, "/api/v1", headers, authorization, token_advice("forgejo"))


class ForgejoReader:
    """Reads pull requests of one repository."""

    def __init__(self, http: ForgeHttp, path: str) -> None:
        self._http = http
        self._path = f"/repos/{path}"

    def attempt(self, number: int) -> Attempt:
        """One pass over a pull request; see `proposal.settled`."""
        before = self._pull_request(number)
        reviews = numbered_pages(self._http, f"{self._path}/pulls/{number}/reviews")
        events = numbered_pages(self._http, f"{self._path}/issues/{number}/timeline")
        why = reviews.why
        facts = ProposalFacts(
            number=number,
            author_account=before.user.number if before.user else None,
            base_ref=before.base.ref,
            head_commit=before.head.sha,
            merged_commit=before.merge_commit_sha if before.merged else None,
            pushers=self._pushers(number, events),
            reviews=tuple(self._reviews(number, reviews)),
            complete=not why,
            why_incomplete=why,
            why_pushers_unknown=events.why or _PUSHERS_UNKNOWN,
        )
        return Attempt(facts, moved=reviews.moved or events.moved or before != self._pull_request(number))

    def _pull_request(self, number: int) -> _PullRequest:
        path = f"{self._path}/pulls/{number}"
        where = self._http.where(path)
        found = read(_PullRequest, json_of(self._http.get(path), where), where)
        if found.number != number:
            raise ForgeMisbehaved(f"{where}: the answer is about number {found.number}", expected=f"number {number}")
        return found

    def _reviews(self, number: int, listing: Listing) -> list[Review]:
        where = self._http.where(f"{self._path}/pulls/{number}/reviews")
        found = [read(_Review, entry, where) for entry in listing.entries]
        return [_review(review, order) for order, review in enumerate(found) if review.state in _STATES]

    def _pushers(self, number: int, events: Listing) -> tuple[int, ...]:
        where = self._http.where(f"{self._path}/issues/{number}/timeline")
        found = [read(_Event, entry, where) for entry in events.entries if entry.get("type") == "pull_push"]
        numbers = (event.user.number for event in found if event.user)
        return tuple(dict.fromkeys(number for number in numbers if number))


def _review(review: _Review, order: int) -> Review:
    user = review.user
    account, login = (user.number, user.login) if user else (None, None)
    state: ReviewState = "dismissed" if review.dismissed else _STATES[review.state]
    return Review(account, login, "unknown", state, review.commit_id or None, order)
