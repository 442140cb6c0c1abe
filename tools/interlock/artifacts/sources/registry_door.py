"""How a registry lets somebody in: a login sent as it is, or exchanged for a token where the registry says.

Called by `oci`. After the token specification of the distribution project. A login goes to the registry itself, or to
the `token_host` that the operator named for it, and nowhere else, whatever the registry says.
"""

from __future__ import annotations

import re
import threading
from typing import Final
from urllib.parse import urlencode, urlsplit

from interlock.artifacts.sources.access import HostLogin, SourceAccess
from interlock.artifacts.sources.reading import Request, read_small
from interlock.artifacts.sources.refusals import unreachable
from interlock.artifacts.sources.remote import authorization
from interlock.artifacts.strict_json import read_object
from interlock.errors import ArtifactCorrupt, ArtifactUnreachable

MAX_TOKEN_BYTES: Final = 64 * 1024
_CHALLENGE = re.compile(r'(realm|service|scope)="([^"\\\x00-\x1f\x7f-\xff]{0,1000})"')
_TOKEN = re.compile(r"[!-~]{1,16384}")


class RegistryDoor:
    """The way into one repository of a registry. `known` is the header that let us in last, None before."""

    def __init__(self, repository: str, login: HostLogin | None, host: str, access: SourceAccess) -> None:
        self._repository = repository
        self._login = login
        self._host = host
        self._access = access
        self._lock = threading.Lock()
        self.known: str | None = None

    def answer(self, challenge: str) -> str | None:
        """The header that answers the challenge of a 401; None where there is nothing to answer it with.

        Raises:
            ArtifactUnreachable: no token was to be had.
        """
        kind, _, rest = challenge.partition(" ")
        with self._lock:
            if kind.lower() == "bearer":
                self.known = f"Bearer {self._token(dict(_CHALLENGE.findall(rest)))}"
            elif kind.lower() == "basic" and self._login:
                self.known = authorization(self._login)
            else:
                return None
            return self.known

    def _token(self, challenge: dict[str, str]) -> str:
        realm = challenge.get("realm", "")
        where = f"a token for oci://{self._host}/{self._repository}"
        # Only for reading, and only for what we want, whatever the challenge asks for.
        query = {"scope": f"repository:{self._repository}:pull"}
        if "service" in challenge:
            query["service"] = challenge["service"]
        headers = self._said_to(realm, where)
        request = Request(f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}", where, headers, follow=False)
        data, _ = read_small(request, self._access, limit=MAX_TOKEN_BYTES)
        try:
            answer = read_object(data, where)
        except ArtifactCorrupt:
            answer = {}
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise unreachable(where, "the answer holds none")
        return token

    def _said_to(self, realm: str, where: str) -> dict[str, str]:
        """The login, for a place that may have it; refuses a place that nobody should be asked at."""
        try:
            parts = urlsplit(realm)
            plain = parts.scheme == "http" and parts.netloc in self._access.plain_http
            usable = bool(parts.hostname) and parts.username is None and (parts.scheme == "https" or plain)
        except ValueError:
            usable = False
        if not usable:
            raise unreachable(where, "the registry names no https address to ask for one")
        if self._login is None:
            return {}
        if parts.netloc.lower() not in (self._host.lower(), self._login.token_host.lower()):
            raise ArtifactUnreachable(
                f"{where} is given out at {parts.netloc}, and the login for {self._host} is not sent to other hosts",
                expected=f"{self._host}" + (f" or {self._login.token_host}" if self._login.token_host else ""),
                remedy=f"if that is right, add `token_host: {parts.netloc}` to the login",
            )
        return {"Authorization": authorization(self._login)}
