"""Where the token for a forge comes from: the environment, or a file that it names. Called where a reader is opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from interlock.approvals.forges.address import ForgeKind
from interlock.errors import UsageError

FILE_VARIABLE: Final = "INTERLOCK_FORGE_TOKEN_FILE"
VARIABLES: Final[Mapping[ForgeKind, tuple[str, ...]]] = {
    "github": ("GITHUB_TOKEN", "GH_TOKEN"),
    "gitlab": ("GITLAB_TOKEN",),
    "forgejo": ("FORGEJO_TOKEN", "GITEA_TOKEN"),
}
_MAX_BYTES = 8192


def forge_token(kind: ForgeKind, environment: Mapping[str, str]) -> str:
    """The token for a forge of this kind, "" where there is none; a file beats a variable.

    Raises:
        UsageError: the file cannot be read, or what was found cannot be a token. It is never shown.
    """
    named = environment.get(FILE_VARIABLE, "")
    if named:
        return _usable(_read(named), f"the file that {FILE_VARIABLE} names")
    variable = next((name for name in VARIABLES[kind] if environment.get(name)), None)
    return _usable(environment[variable], f"the variable {variable}") if variable else ""


def token_advice(kind: ForgeKind) -> str:
    """What a person does about a token that is missing or may too little."""
    rights = {
        "github": "may read metadata, contents and pull requests (for `forge doctor` also administration)",
        "gitlab": "has the scope read_api",
        "forgejo": "has the scopes read:repository and read:issue",
    }[kind]
    return f"set {' or '.join(VARIABLES[kind])} (or {FILE_VARIABLE}) to a token that {rights}; check the address, too"


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no path"
        raise UsageError(f"the file that {FILE_VARIABLE} names cannot be read: {reason}") from None
    return data.decode("latin-1").rstrip("\r\n")


def _usable(token: str, where: str) -> str:
    if not token or len(token) > _MAX_BYTES or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(
            f"{where} holds no token that a header can carry",
            expected="one line of printable ASCII without spaces",
        )
    return token
