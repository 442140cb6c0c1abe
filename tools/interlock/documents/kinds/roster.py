"""The roster: people and machines, their keys and roles. A person appears once; machines are kept apart."""

import datetime as dt
from typing import Literal

from pydantic import Field

from interlock.documents.fields import Date, Document, Many, Name, Positive, Text

Forge = Literal["github", "gitlab", "forgejo"]


class Key(Document):
    """A public key with its dates; a key that nothing is to be said about is written as plain text."""

    key: Text
    since: Date | None = None
    until: Date | None = None
    revoked: Date | None = None


class Person(Document):
    """One human: numeric forge account, e-mails and signing keys."""

    login: Text
    id: Positive
    accounts: dict[Forge, Positive] = {}
    emails: Many[Text] = Field(min_length=1)
    keys: Many[Text | Key] = ()
    roles: Many[Name] = ()


class Machine(Document):
    """A builder, an attester or another automaton."""

    name: Name
    id: Positive | None = None
    emails: Many[Text] = ()
    keys: Many[Text | Key] = ()
    roles: Many[Name] = ()


class Roster(Document):
    """`policies/roster.yaml`."""

    kind: Literal["Roster"]
    people: Many[Person] = ()
    machines: Many[Machine] = ()


def dated(key: str | Key) -> Key:
    """A key as it is written, with or without dates."""
    return Key(key=key) if isinstance(key, str) else key


def why_unusable(key: Key, day: dt.date) -> str:
    """Why a key counts for nothing on a day (UTC), as that day knows it; "" where it counts.

    A revoked key counts for nothing at all, also not for what it signed before: a thief chooses the date of a commit.
    """
    if key.revoked:
        return f"the key was revoked on {key.revoked}"
    if key.until and day > key.until:
        return f"the key ended on {key.until}"
    if key.since and day < key.since:
        return f"the key counts only from {key.since}"
    return ""
