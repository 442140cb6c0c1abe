"""GitLab's REST API version 4 as far as it is read: shapes of its documentation."""

from __future__ import annotations

from typing import Any

from support.forges.telling import AUTHOR, NUMBER, PATH, Asked, Said, Story, at, linked, login, reply
from support.scripted_engine import ReceivedRequest

NOT_FOUND = {"message": "404 Project Not Found"}


def user(account: int) -> dict[str, Any]:
    return {"id": account, "username": login(account), "name": "A", "state": "active", "web_url": "https://h/u"}


class GitLabSimulator:
    """Answers for one merge request."""

    kind = "gitlab"

    def __init__(self, story: Story) -> None:
        self.story = story
        self.bots: set[int] = set()
        self.tells_times = True

    def __call__(self, request: ReceivedRequest) -> list[bytes]:
        asked = Asked.of(request)
        root = f"/api/v4/projects/{PATH}/merge_requests/{NUMBER}"
        if "%2F" not in request.path and "/users/" not in request.path:
            return reply(NOT_FOUND, status=404)  # a path of a project is one segment
        if asked.path.startswith("/api/v4/users/"):
            account = int(asked.path.rpartition("/")[2])
            return reply({**user(account), "bot": account in self.bots, "external": False})
        if asked.path == root:
            return reply(self.merge_request())
        if asked.path == f"{root}/approvals":
            return reply(self.approvals())
        lists = {"versions": self.versions, "notes": self.notes, "reviewers": self.reviewers}
        make = lists.get(asked.path.removeprefix(f"{root}/"))
        if make is None:
            return reply(NOT_FOUND, status=404)
        entries = make()
        return linked(request, entries, {"X-Total": str(len(entries))})

    def merge_request(self) -> dict[str, Any]:
        story = self.story
        return {
            "id": 1,
            "iid": NUMBER,
            "project_id": 4,
            "title": "Promote support-bot 3 to production",
            "state": "merged" if story.merged else "opened",
            "target_branch": "main",
            "source_branch": "promote",
            "author": user(AUTHOR),
            "sha": story.head,
            "merge_commit_sha": story.merged,
            "squash_commit_sha": None,
            "created_at": at(0),
            "updated_at": at(story.steps),
        }

    def approvals(self) -> dict[str, Any]:
        given = [{"user": user(said.account), **self._time(said)} for said in self._standing()]
        return {"id": 1, "iid": NUMBER, "project_id": 4, "state": "opened", "approved_by": given}

    def _standing(self) -> list[Said]:
        latest = {said.account: said for said in self.story.said if said.verb == "approved"}
        return [said for said in latest.values() if said.taken_back is None]

    def _time(self, said: Said) -> dict[str, str]:
        return {"approved_at": at(said.step)} if self.tells_times else {}

    def reviewers(self) -> list[dict[str, Any]]:
        latest = {said.account: said for said in self.story.said if said.verb != "commented"}
        asking = [s for s in latest.values() if s.verb == "changes-requested" and s.taken_back is None]
        return [{"user": user(s.account), "state": "requested_changes", "created_at": at(s.step)} for s in asking]

    def versions(self) -> list[dict[str, Any]]:
        """The newest first; a version is there one second after its push."""
        return [
            {"id": 110 + n, "head_commit_sha": p.commit, "base_commit_sha": "f" * 40, "created_at": at(p.step, 1)}
            for n, p in enumerate(self.story.pushes)
        ][::-1]

    def notes(self) -> list[dict[str, Any]]:
        told = [(push.step, push.account, "added 1 commit\n\n<ul><li>aaaa</li></ul>") for push in self.story.pushes[1:]]
        for said in self.story.said:
            if said.verb == "approved":
                told.append((said.step, said.account, "approved this merge request"))
                if said.taken_back is not None:
                    told.append((said.taken_back, said.account, "unapproved this merge request"))
            elif said.verb == "changes-requested":
                told.append((said.step, said.account, "requested changes"))
        by_hand = {"id": 999, "body": "approved this merge request", "author": user(7), "created_at": at(1)}
        return [
            {"id": 300 + number, "body": body, "author": user(who), "created_at": at(step), "system": True}
            for number, (step, who, body) in enumerate(sorted(told))
        ] + [{**by_hand, "system": False}]
