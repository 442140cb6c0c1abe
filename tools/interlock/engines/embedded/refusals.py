"""The embedded engine's own errors: what a client asked that cannot be done, with vLLM's status and type names."""

from __future__ import annotations

from http import HTTPStatus


class Refusal(Exception):
    """A request that is answered with an error: `status`, vLLM's `kind` of error, and what was wrong."""

    def __init__(self, message: str, *, status: HTTPStatus, kind: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.param = param


def bad_request(message: str, *, param: str | None = None) -> Refusal:
    """400: the request itself is wrong."""
    return Refusal(message, status=HTTPStatus.BAD_REQUEST, kind="BadRequestError", param=param)


def invalid_input(message: str) -> Refusal:
    """400 as vLLM words it for adapter administration."""
    return Refusal(message, status=HTTPStatus.BAD_REQUEST, kind="InvalidUserInput")


def not_found(message: str, *, param: str | None = None) -> Refusal:
    """404: no such model, adapter or directory."""
    return Refusal(message, status=HTTPStatus.NOT_FOUND, kind="NotFoundError", param=param)


def unloadable(message: str) -> Refusal:
    """500, which vLLM answers when an adapter cannot be served."""
    return Refusal(message, status=HTTPStatus.INTERNAL_SERVER_ERROR, kind="InternalServerError")


def overloaded(message: str) -> Refusal:
    """503: nothing is wrong with the request, but it cannot be taken now."""
    return Refusal(message, status=HTTPStatus.SERVICE_UNAVAILABLE, kind="ServiceUnavailableError")
