"""The REST API of Forgejo and Gitea as far as it is read: shapes of their Swagger documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from support.forges.telling import AUTHOR, NUMBER, PATH, Asked, Story, at, login, reply
from support.scripted_engine import ReceivedRequest

STATES = {"approved": "APPROVED", "changes-requested": "REQUEST_CHANGES", "commented": "COMMENT"}
NOT_FOUND = {"message": "The target couldn't be found.", "url": "https://git.example.com/api/swagger", "errors": []}
MOST = 30  # an instance may allow fewer entries a page than are asked for


def user(account: int) -> dict[str, Any]:
    return {"id": account, "login": login(account), "full_name": "", "email": "u@noreply", "active": True}


class ForgejoSimulator:
    """Answers for one pull request; `hidden` reviews are counted and not shown, as pending ones of others are."""

    kind = "forgejo"

    def __init__(self, story: Story) -> None:
        self.story = story
        self.hidden = 0

    def __call__(self, request: ReceivedRequest) -> list[bytes]:
        asked = Asked.of(request)
        root = f"/api/v1/repos/{PATH}"
        if asked.path == f"{root}/pulls/{NUMBER}":
            return reply(self.pull_request())
        if asked.path == f"{root}/pulls/{NUMBER}/reviews":
            return self._page(asked, self.reviews(), self.hidden)
        if asked.path == f"{root}/issues/{NUMBER}/timeline":
            return self._page(asked, self.timeline(), 0)
        return reply(NOT_FOUND, status=404)

    def _page(self, asked: Asked, entries: Sequence[Any], hidden: int) -> list[bytes]:
        shown = [None] * hidden + list(entries)
        size, page = min(asked.number("limit", MOST), MOST), asked.number("page", 1)
        part = [entry for entry in shown[(page - 1) * size : page * size] if entry is not None]
        return reply(part, headers={"X-Total-Count": str(len(shown))})

    def pull_request(self) -> dict[str, Any]:
        story = self.story
        return {
            "id": 7,
            "number": NUMBER,
            "user": user(AUTHOR),
            "state": "closed" if story.merged else "open",
            "merged": story.merged is not None,
            "merge_commit_sha": story.merged,
            "merge_base": "f" * 40,
            "base": {"label": "main", "ref": "main", "sha": "f" * 40, "repo_id": 3},
            "head": {"label": "promote", "ref": "promote", "sha": story.head, "repo_id": 3},
            "created_at": at(0),
            "updated_at": at(story.steps),
        }

    def reviews(self) -> list[dict[str, Any]]:
        return [
            {
                "id": 50 + number,
                "user": user(said.account),
                "team": None,
                "state": STATES[said.verb],
                "body": "",
                "commit_id": said.commit,
                "stale": said.commit != self.story.head,
                "official": True,
                "dismissed": said.taken_back is not None,
                "comments_count": 0,
                "submitted_at": at(said.step),
            }
            for number, said in enumerate(self.story.said)
        ]

    def timeline(self) -> list[dict[str, Any]]:
        return [
            {
                "id": 70 + number,
                "type": "pull_push",
                "user": user(push.account),
                "body": '{"is_force_push":false,"commit_ids":["' + push.commit + '"]}',
                "created_at": at(push.step),
            }
            for number, push in enumerate(self.story.pushes[1:])
        ]
