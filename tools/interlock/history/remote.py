"""The address of the desired state. Called by `mirror` and by whoever reads a node's settings.

Refuses what git could take for an option or a command, and an address that has a password in it.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from interlock.errors import UsageError

_HOST = r"(?:[A-Za-z0-9._~%-]+@)?(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
_REST = r"[^\s\x00-\x1f\x7f]+"
_URL = re.compile(
    rf"(?:https|ssh)://{_HOST}/{_REST}"
    rf"|file:///{_REST}"
    rf"|/{_REST}"
    rf"|[A-Za-z0-9][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:{_REST}"
)
_LOOPBACK_URL = re.compile(rf"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{{1,5}})?/{_REST}")
_PASSWORD = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://[^/@:]*):[^/@]*@")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}")


@dataclass(frozen=True, slots=True)
class Remote:
    """Where the desired state comes from. `token` is sent as an authorization header and never printed."""

    url: str
    branch: str
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if _PASSWORD.match(self.url):
            shown = _PASSWORD.sub(r"\1:…@", self.url)
            remedy = "write the address without it, put the token into a file, and name that in `remote.token_file`"
            raise UsageError(f"the address {shown} of the remote has a password in it", remedy=remedy)
        if not (_URL.fullmatch(self.url) or _LOOPBACK_URL.fullmatch(self.url)):
            expected = "https://HOST/…, ssh://HOST/…, user@host:path, file:///… or an absolute path"
            raise UsageError(f"{self.url!r} is not an address that Interlock fetches from", expected=expected)
        if not _is_branch(self.branch):
            raise UsageError(f"{self.branch!r} is not a branch name", expected="letters, digits and . _ / - inside")

    @property
    def ref(self) -> str:
        """The full name of the branch on the remote."""
        return f"refs/heads/{self.branch}"

    @property
    def transports(self) -> str:
        """What git may speak on the way there; plain http only to this machine itself."""
        return "https:ssh:file:http" if self.url.startswith("http://") else "https:ssh:file"

    @property
    def secrets(self) -> dict[str, str]:
        """Git settings that carry the token, and see to it that no other server gets it by a redirection."""
        if not self.token:
            return {}
        basic = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
        return {"http.extraHeader": f"Authorization: Basic {basic}", "http.followRedirects": "false"}


def _is_branch(name: str) -> bool:
    parts = name.split("/")
    flawed = any(not part or part.startswith(".") or part.endswith((".", ".lock")) for part in parts)
    return bool(_BRANCH.fullmatch(name)) and ".." not in name and not flawed
