"""Reads the approvals of a merge request from GitLab, REST API version 4.

Reads the merge request, who approved it, its versions, the notes that GitLab itself wrote, who asked for changes, and
for each of these accounts whether it is a bot. What an approval is about is decided in `gitlab_approvals`.
"""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Final, Literal
from urllib.parse import quote

from interlock.approvals.forges.address import ForgeAddress
from interlock.approvals.forges.answers import AccountId, CommitId, S, Shape, ShortText, json_of, read
from interlock.approvals.forges.gitlab_approvals import Approval, Decision, Note, User, Version, decisions, pushers
from interlock.approvals.forges.http import Api, ForgeHttp
from interlock.approvals.forges.paging import Listing, linked_pages
from interlock.approvals.forges.proposal import Attempt
from interlock.approvals.forges.tokens import token_advice
from interlock.approvals.reviews import ProposalFacts, Review, ReviewerKind
from interlock.errors import ForgeMisbehaved, ForgeRefused

_MAX_ACCOUNTS: Final = 300
_OLDEST_FIRST: Final = {"sort": "asc", "order_by": "created_at"}
_PUSHERS_UNKNOWN: Final = "GitLab notes no push from before the merge request was opened"


class _User(Shape):
    id: AccountId
    username: ShortText

    def plain(self) -> User:
        """The same without the API's words."""
        return User(self.id, self.username)


class _MergeRequest(Shape):
    iid: int
    state: ShortText
    author: _User | None
    target_branch: ShortText
    sha: CommitId
    merge_commit_sha: CommitId | None = None
    squash_commit_sha: CommitId | None = None
    updated_at: ShortText


class _ApprovedBy(Shape):
    user: _User
    approved_at: ShortText | None = None


class _Approvals(Shape):
    approved_by: list[_ApprovedBy]


class _Version(Shape):
    head_commit_sha: CommitId
    created_at: ShortText


class _Note(Shape):
    id: int
    author: _User
    created_at: ShortText
    body: str
    system: Literal[True]


class _Reviewer(Shape):
    user: _User
    state: ShortText


class _Account(Shape):
    bot: bool | None = None


def gitlab_api(address: ForgeAddress, token: str) -> Api:
    """Where the API of gitlab.com or of another GitLab is."""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "interlock"}
    authorization = {"PRIVATE-TOKEN": token} if token else {}
    return Api(address.server, "/api/v4", headers, authorization, token_advice("gitlab"))


class GitLabReader:
    """Reads merge requests of one project."""

    def __init__(self, http: ForgeHttp, path: str) -> None:
        self._http = http
        self._project = f"/projects/{quote(path, safe='')}"

    def attempt(self, number: int) -> Attempt:
        """One pass over a merge request; see `proposal.settled`."""
        path = f"{self._project}/merge_requests/{number}"
        before = self._merge_request(path, number)
        standing = self._one(_Approvals, f"{path}/approvals").approved_by
        versions = linked_pages(self._http, f"{path}/versions")
        noted = linked_pages(self._http, f"{path}/notes", _OLDEST_FIRST, counts_hidden=True)
        reviewers = self._reviewers(path)
        notes = [self._note(path, entry) for entry in noted.entries if entry.get("system") is True]
        found = decisions(
            [Approval(item.user.plain(), _time(item.approved_at, path)) for item in standing],
            [item.user.plain() for item in self._each(_Reviewer, reviewers, path) if item.state == "requested_changes"],
            notes,
            [Version(v.head_commit_sha, _known_time(v.created_at, path)) for v in self._each(_Version, versions, path)],
        )
        why = versions.why or noted.why or reviewers.why
        facts = ProposalFacts(
            number=number,
            author_account=before.author.id if before.author else None,
            base_ref=before.target_branch,
            head_commit=before.sha,
            merged_commit=_merged(before),
            pushers=pushers(notes),
            reviews=self._reviews(found),
            complete=not why,
            why_incomplete=why,
            why_pushers_unknown=_PUSHERS_UNKNOWN,
        )
        moved = any(listing.moved for listing in (versions, noted, reviewers))
        return Attempt(facts, moved=moved or before != self._merge_request(path, number))

    def _merge_request(self, path: str, number: int) -> _MergeRequest:
        found = self._one(_MergeRequest, path)
        if found.iid != number:
            where = self._http.where(path)
            raise ForgeMisbehaved(f"{where}: the answer is about number {found.iid}", expected=f"number {number}")
        return found

    def _reviewers(self, path: str) -> Listing:
        """Who was asked for a review, and what they said; GitLab before 13.8 cannot tell."""
        try:
            return linked_pages(self._http, f"{path}/reviewers")
        except ForgeRefused as error:
            if error.status != 404:
                raise
            return Listing((), "this GitLab does not tell who asked for changes")

    def _note(self, path: str, entry: object) -> Note:
        note = read(_Note, entry, self._http.where(f"{path}/notes"))
        return Note(note.id, note.author.plain(), _known_time(note.created_at, path), note.body)

    def _reviews(self, found: list[Decision]) -> tuple[Review, ...]:
        accounts = dict.fromkeys(decision.user.id for decision in found)
        kinds = {account: self._kind(account) for account in itertools.islice(accounts, _MAX_ACCOUNTS)}
        return tuple(
            Review(item.user.id, item.user.login, kinds.get(item.user.id, "unknown"), item.state, item.commit, order)
            for order, item in enumerate(found)
        )

    def _kind(self, account: int) -> ReviewerKind:
        try:
            bot = self._one(_Account, f"/users/{account}").bot
        except ForgeRefused as error:
            if error.status not in (403, 404):
                raise
            return "unknown"
        return "unknown" if bot is None else "bot" if bot else "human"

    def _one(self, shape: type[S], path: str) -> S:
        where = self._http.where(path)
        return read(shape, json_of(self._http.get(path), where), where)

    def _each(self, shape: type[S], listing: Listing, path: str) -> list[S]:
        return [read(shape, entry, self._http.where(path)) for entry in listing.entries]


def _merged(found: _MergeRequest) -> str | None:
    """The commit on the target branch; after a fast-forward that is the head itself."""
    return (found.merge_commit_sha or found.squash_commit_sha or found.sha) if found.state == "merged" else None


def _time(text: str | None, path: str) -> dt.datetime | None:
    return None if text is None else _known_time(text, path)


def _known_time(text: str, path: str) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        found = dt.datetime.min
    if found.tzinfo is None:
        raise ForgeMisbehaved(
            f"{path}: {text[:60]!r} is no time with a time zone", expected="a time as GitLab writes it"
        )
    return found.astimezone(dt.UTC)
