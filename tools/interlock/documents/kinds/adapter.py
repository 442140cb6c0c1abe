"""An adapter: who owns it, how risky it is, when it is looked at again. Changes over time; its revisions do not."""

from typing import Literal

from interlock.documents.fields import Date, Document, Duration, Many, Name, Text


class Owners(Document):
    """Who answers for the adapter, and where to call at night."""

    team: Name
    contact: Text
    escalation: Text


class Review(Document):
    """How often people look at the adapter again, and when they last did."""

    cadence: Duration
    last_reviewed: Date


class Risk(Document):
    """The risk tier decides which evidence a promotion needs; `content` asks for the records of published content."""

    tier: Literal["low", "medium", "high"]
    content: bool = False


class Kpi(Document):
    """A business figure that justifies the adapter, and where it is read."""

    name: Name
    source: Text


class Adapter(Document):
    """`adapters/<name>/adapter.yaml`."""

    kind: Literal["Adapter"]
    name: Name
    description: Text
    owners: Owners
    review: Review
    risk: Risk
    kpis: Many[Kpi] = ()
    notify: dict[Name, Many[Name]] = {}
