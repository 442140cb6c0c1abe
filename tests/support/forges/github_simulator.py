"""GitHub's REST API as far as it is read: shapes of the documentation of version 2022-11-28."""

from __future__ import annotations

from typing import Any

from support.forges.telling import AUTHOR, NUMBER, PATH, Asked, Said, Story, at, linked, login, reply
from support.scripted_engine import ReceivedRequest

STATES = {"approved": "APPROVED", "changes-requested": "CHANGES_REQUESTED", "commented": "COMMENTED"}
NOT_FOUND = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}
HEADERS = {
    "X-GitHub-Media-Type": "github.v3; format=json",
    "X-RateLimit-Limit": "5000",
    "X-RateLimit-Remaining": "4987",
    "X-RateLimit-Reset": "1795680000",
}


def user(account: int, kind: str = "User") -> dict[str, Any]:
    return {"login": login(account), "id": account, "node_id": "MDQ6VXNlcjE=", "type": kind, "site_admin": False}


class GitHubSimulator:
    """Answers for one pull request; the lists may be replaced by a test."""

    kind = "github"

    def __init__(self, story: Story) -> None:
        self.story = story
        self.bots: set[int] = set()
        self.activity_status = 200

    def __call__(self, request: ReceivedRequest) -> list[bytes]:
        asked = Asked.of(request)
        root = f"/api/v3/repos/{PATH}"
        if asked.path == f"{root}/pulls/{NUMBER}":
            return reply(self.pull_request(), headers=HEADERS)
        if asked.path == f"{root}/pulls/{NUMBER}/reviews":
            return linked(request, self.reviews(), HEADERS)
        if asked.path == f"{root}/activity" and asked.query.get("ref") == "refs/heads/promote":
            return linked(request, self.activity(), HEADERS) if self.activity_status == 200 else self._refusal()
        return reply(NOT_FOUND, status=404, headers=HEADERS)

    def _refusal(self) -> list[bytes]:
        return reply({"message": "Resource not accessible by integration"}, status=self.activity_status)

    def pull_request(self) -> dict[str, Any]:
        story = self.story
        repo = {"id": 1296269, "name": "adapters", "full_name": PATH, "fork": False}
        return {
            "id": 1,
            "number": NUMBER,
            "state": "closed" if story.merged else "open",
            "title": "Promote support-bot 3 to production",
            "user": user(AUTHOR),
            "created_at": at(0),
            "updated_at": at(story.steps),
            "merge_commit_sha": story.merged or "e" * 40,
            "head": {"label": "acme:promote", "ref": "promote", "sha": story.head, "user": user(AUTHOR), "repo": repo},
            "base": {"label": "acme:main", "ref": "main", "sha": "f" * 40, "user": user(1), "repo": repo},
            "merged": story.merged is not None,
            "commits": len(story.pushes),
        }

    def reviews(self) -> list[dict[str, Any]]:
        return [self._review(number, said) for number, said in enumerate(self.story.said)]

    def _review(self, number: int, said: Said) -> dict[str, Any]:
        return {
            "id": 80 + number,
            "user": user(said.account, "Bot" if said.account in self.bots else "User"),
            "body": "",
            "state": STATES[said.verb] if said.taken_back is None else "DISMISSED",
            "submitted_at": at(said.step),
            "commit_id": said.commit,
            "author_association": "CONTRIBUTOR",
        }

    def activity(self) -> list[dict[str, Any]]:
        """The newest first."""
        before, found = "0" * 40, []
        for number, push in enumerate(self.story.pushes):
            kind = "branch_creation" if number == 0 else "push"
            found.append(
                {
                    "id": 100 + number,
                    "before": before,
                    "after": push.commit,
                    "ref": "refs/heads/promote",
                    "timestamp": at(push.step),
                    "activity_type": kind,
                    "actor": user(push.account),
                }
            )
            before = push.commit
        return found[::-1]
