"""Signs requests without a body for S3: AWS Signature Version 4, as documented under "Authenticating Requests". Pure.

Called by `s3`. Our own thirty lines, because botocore's cost 20 MB in an agent that should be small; a test compares
the two. Paths are signed as they are sent, percent-encoded once.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials of AWS; `session_token` "" for those that do not end."""

    key_id: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


def signed_headers(method: str, url: str, keys: Keys, *, region: str, now: dt.datetime) -> Mapping[str, str]:
    """The headers that sign a request for `url` (without a query) at the time `now` (UTC)."""
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    parts = urlsplit(url)
    headers = {"host": parts.netloc, "x-amz-content-sha256": EMPTY, "x-amz-date": moment}
    if keys.session_token:
        headers["x-amz-security-token"] = keys.session_token
    names = ";".join(sorted(headers))
    canonical_headers = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = "\n".join((method, parts.path or "/", "", canonical_headers, names, EMPTY))
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signature = hmac.digest(_key(keys.secret_key, scope), text.encode(), "sha256").hex()
    login = f"AWS4-HMAC-SHA256 Credential={keys.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**{name: value for name, value in headers.items() if name != "host"}, "Authorization": login}


def _key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
