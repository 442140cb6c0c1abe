"""A pointer: which revision of one adapter one environment serves. The file that everything turns on."""

from typing import Literal

from pydantic import Field

from interlock.documents.fields import Document, Duration, Many, Name, Percent, Positive, RevisionName, Share


class Canary(Document):
    """A share of the traffic, or named tenants, on another revision. `weight` in percent."""

    revision: RevisionName
    weight: Percent = 0
    tenants: Many[Name] = ()
    steps: Many[Percent] = ()


class Shadow(Document):
    """A copy of a share of the requests goes to another revision; its answers are never returned."""

    revision: RevisionName
    sample: Share
    duration: Duration | None = None
    pairs: Positive | None = None


class Pointer(Document):
    """`environments/<environment>/pointers/<adapter>.yaml`."""

    kind: Literal["Pointer"]
    adapter: Name
    active: RevisionName
    canary: Canary | None = None
    shadow: Shadow | None = None
    keep: Many[RevisionName] = Field(default=(), max_length=100)
    residency: Literal["pinned", "lazy"] = "pinned"

    @property
    def taking_requests(self) -> tuple[str, ...]:
        """The revisions that requests are sent to or mirrored to: active, canary and shadow."""
        return (self.active, *(part.revision for part in (self.canary, self.shadow) if part))

    @property
    def revisions(self) -> tuple[str, ...]:
        """Every revision that this pointer names, the active one first, without repetitions."""
        return tuple(dict.fromkeys((*self.taking_requests, *self.keep)))
