"""The roster: people and machines, their keys and roles. A person appears once; machines are kept apart."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from interlock.documents.fields import Document, Many, Name, Positive, Text


class Person(Document):
    """One human: numeric forge account, e-mails and signing keys."""

    login: Text
    id: Positive
    emails: Many[Text] = Field(min_length=1)
    keys: Many[Text] = ()
    roles: Many[Name] = ()


class Machine(Document):
    """A builder, an attester or another automaton."""

    name: Name
    keys: Many[Text] = ()
    roles: Many[Name] = ()


class Roster(Document):
    """`policies/roster.yaml`."""

    kind: Literal["Roster"]
    people: Many[Person] = ()
    machines: Many[Machine] = ()
