"""What happened to one proposal, forge by forge told in the shapes that the forges document.

A test writes the story once (`approve`, `push`, `ask_for_changes`, `take_back`); the simulators beside this module
answer with it as GitHub, GitLab and Forgejo would. They are HTTP servers on a real socket (`scripted_engine`).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from support.scripted_engine import ReceivedRequest, answer

PATH = "acme/adapters"
NUMBER = 12
AUTHOR = 1001
START = dt.datetime(2026, 11, 20, 8, 0, tzinfo=dt.UTC)
Verb = Literal["approved", "changes-requested", "commented"]


def sha(letter: str) -> str:
    """A commit id that a person can tell from another one."""
    return letter * 40


@dataclass(slots=True)
class Said:
    """One review; `taken_back` when it was dismissed or withdrawn."""

    account: int
    verb: Verb
    commit: str
    step: int
    taken_back: int | None = None


@dataclass(slots=True)
class Pushed:
    """One push to the branch."""

    account: int
    commit: str
    step: int


@dataclass(slots=True)
class Story:
    """Everything that happened, in steps that are a minute apart."""

    pushes: list[Pushed] = field(default_factory=lambda: [Pushed(AUTHOR, sha("a"), 0)])
    said: list[Said] = field(default_factory=list)
    merged: str | None = None
    steps: int = 0

    @property
    def head(self) -> str:
        return self.pushes[-1].commit

    def push(self, account: int, commit: str) -> None:
        self.pushes.append(Pushed(account, commit, self._step()))

    def say(self, account: int, verb: Verb) -> None:
        self.said.append(Said(account, verb, self.head, self._step()))

    def take_back(self, account: int, verb: Verb = "approved") -> None:
        step = self._step()
        next(said for said in reversed(self.said) if said.account == account and said.verb == verb).taken_back = step

    def _step(self) -> int:
        self.steps += 1
        return self.steps


def login(account: int) -> str:
    return f"user{account}"


def at(step: int, seconds: int = 0) -> str:
    """The time of a step as an API writes it."""
    return (START + dt.timedelta(minutes=step, seconds=seconds)).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, taken apart."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @classmethod
    def of(cls, request: ReceivedRequest) -> Asked:
        parts = urlsplit(request.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        return cls(unquote(parts.path), query, request.headers)

    def number(self, name: str, default: int) -> int:
        return int(self.query.get(name, default))


def reply(document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> list[bytes]:
    """A JSON answer as the forges send it."""
    head = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    return [answer(json.dumps(document).encode(), status=status, headers=head)]


def linked(request: ReceivedRequest, entries: Sequence[Any], headers: Mapping[str, str] | None = None) -> list[bytes]:
    """A page of a list with a `Link` header, as GitHub and GitLab send it."""
    asked = Asked.of(request)
    size, page = min(asked.number("per_page", 20), 100), asked.number("page", 1)
    head = dict(headers or {})
    if page * size < len(entries):
        kept = "&".join(f"{name}={value}" for name, value in asked.query.items() if name != "page")
        link = f"http://elsewhere.example{urlsplit(request.path).path}?{kept}&page={page + 1}"
        head["Link"] = f'<{link}>; rel="next", <{link}>; rel="last"'
    return reply(entries[(page - 1) * size : page * size], headers=head)
