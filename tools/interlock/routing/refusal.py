"""A request that the middleware answers itself, in the error shape of the OpenAI API.

Raised anywhere on the way in, caught in one place of the middleware. The messages never name an adapter, a base or a
file of this node: they are read by people who have shown no credentials.
"""

from __future__ import annotations

from interlock.errors import InterlockError


class Refusal(InterlockError):
    """The request does not reach the engine; `status` is the HTTP status and `kind` the error type of the answer.

    `retry_after` is in seconds, or None when nobody can say when to come again.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        found: str,
        *,
        param: str | None = None,
        remedy: str = "",
        retry_after: int | None = None,
    ) -> None:
        super().__init__(found, remedy=remedy)
        self.status = status
        self.kind = kind
        self.param = param
        self.retry_after = retry_after

    def document(self) -> dict[str, object]:
        """The body of the answer."""
        message = f"{self.found} {self.remedy}".strip()
        return {"error": {"message": message, "type": self.kind, "param": self.param, "code": self.status}}


def bad_request(found: str, *, param: str | None = None, remedy: str = "") -> Refusal:
    """400: the request can be read in more than one way, or not at all."""
    return Refusal(400, "BadRequestError", found, param=param, remedy=remedy)


def unknown_model(model: str) -> Refusal:
    """404: no such alias, revision or base here."""
    found = f"The model {model[:200]!a} does not exist."
    remedy = "Ask for the alias of an adapter of this environment; GET /v1/models lists its loaded revisions."
    return Refusal(404, "NotFoundError", found, param="model", remedy=remedy)


def too_large(limit: int) -> Refusal:
    """413: more bytes than the middleware will hold; `limit` in bytes."""
    found = f"The request body is larger than {limit} bytes."
    remedy = "Send less, or raise INTERLOCK_MAX_BODY_BYTES in the engine's environment."
    return Refusal(413, "RequestTooLarge", found, remedy=remedy)


def forbidden(found: str, remedy: str) -> Refusal:
    """403: only the agent may do this."""
    return Refusal(403, "PermissionDenied", found, remedy=remedy)


def unavailable(found: str, *, retry_after: int | None = None) -> Refusal:
    """503: the model exists, and its adapter is not loaded."""
    remedy = "Try again later; the log of the engine says more."
    return Refusal(503, "ServiceUnavailable", found, param="model", remedy=remedy, retry_after=retry_after)
