"""What the middleware reads from the headers of a request, and which headers it keeps from the engine."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.routing.asgi import Headers
from interlock.routing.refusal import bad_request

TOKEN_HEADER = b"x-interlock-token"
TENANT_HEADER = b"x-interlock-tenant"
# vLLM can take the adapter from these headers instead of the body (SageMaker's convention).
ADAPTER_HEADER_PREFIX = b"x-amzn-sagemaker-adapter-"


@dataclass(slots=True)
class RequestHead:
    """The headers that matter here; `length` is the declared body size in bytes."""

    token: bytes = b""
    tenant: str = ""
    content_type: bytes = b""
    encoding: bytes = b""
    length: int | None = None
    names_adapter: bool = False

    @property
    def announces_form(self) -> bool:
        """Whether any parser could take the body for a form, however its content-type is written."""
        return b"form" in self.content_type.lower()


def read_head(headers: Headers) -> RequestHead:
    """Collect the headers in one pass.

    Raises:
        Refusal: 400, a header that decides something is there twice or cannot be read.
    """
    head = RequestHead()
    seen: set[bytes] = set()
    for raw_name, value in headers:
        name = raw_name.lower()
        if name in _SINGLE:
            if name in seen:
                raise bad_request(f"The header {name.decode('ascii')} is there twice.", remedy="Send it once.")
            seen.add(name)
            _note(head, name, value)
        elif name.startswith(ADAPTER_HEADER_PREFIX):
            head.names_adapter = True
    return head


_SINGLE = frozenset({TOKEN_HEADER, TENANT_HEADER, b"content-type", b"content-encoding", b"content-length"})


def _note(head: RequestHead, name: bytes, value: bytes) -> None:
    if name == TOKEN_HEADER:
        head.token = value.strip()
    elif name == TENANT_HEADER:
        head.tenant = value.decode("latin-1").strip()
    elif name == b"content-type":
        head.content_type = value.strip()
    elif name == b"content-encoding":
        head.encoding = value.strip().lower()
    else:
        head.length = _length(value)


def _length(value: bytes) -> int:
    if not value.isdigit() or len(value) > 18:
        raise bad_request("The header content-length is not a number.")
    return int(value)


def without_token(headers: Headers) -> Headers:
    """The headers as the engine may see them: it has no use for the agent's token, and its logs neither."""
    return [(name, value) for name, value in headers if name.lower() != TOKEN_HEADER]


def with_length(headers: Headers, length: int) -> Headers:
    """The headers of a body that is now `length` bytes in one piece."""
    kept = [(name, value) for name, value in headers if name.lower() not in (b"content-length", b"transfer-encoding")]
    return [*kept, (b"content-length", str(length).encode("ascii"))]
