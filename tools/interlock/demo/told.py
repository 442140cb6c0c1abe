"""What happened in a demonstration: the document that `interlock demo --json` prints, and whether it is as promised."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass
class Told:
    """Times in seconds. `answers` and `revisions` have the keys `before`, `promoted` and `rolled_back`.

    `signed` says whether commits and approvals were signed in this story.
    """

    engine: str
    engine_version: str = ""
    environment: str = ""
    adapter: str = ""
    prompt: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    revisions: dict[str, str] = field(default_factory=dict)
    promote_seconds: float | None = None
    rollback_seconds: float | None = None
    requests: int = 0
    failed_requests: int = 0
    failures: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    refused_by_node: str = ""
    not_approved: str = ""
    signed: bool = True

    def broken_promises(self) -> list[str]:
        """What did not happen as the story promises; empty when all of it did."""
        before, promoted, after = (self.answers.get(key, "") for key in ("before", "promoted", "rolled_back"))
        promises = {
            "the alias answered before the promotion": bool(before),
            "the node waited for the approvals": "not approved" in self.not_approved or not self.signed,
            "the answer changed with the promotion": bool(promoted) and promoted != before,
            "the revert brought the old answer back": bool(after) and after == before,
            "the time of the rollback was measured": self.rollback_seconds is not None,
            "there was load on the alias": self.requests > 0,
            "no request failed": self.failed_requests == 0,
            "the checker refused the adapter of another base": bool(self.refused),
            "the node refused the commit that went around the checker": bool(self.refused_by_node),
        }
        return [promise for promise, kept in promises.items() if not kept]

    def document(self) -> dict[str, object]:
        """The whole as plain values."""
        return {"schema": "interlock-demo/1", **asdict(self), "broken_promises": self.broken_promises()}
