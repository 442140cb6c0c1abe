"""Which SSH key a person signs statements with: the one that they name, or the one that their git signs commits with.

Called by approve, attest and emergency. The private half may be in an agent or a hardware key: a public key is enough.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from interlock.errors import UsageError
from interlock.history.repository import GitRepository

_REMEDY = (
    "name one: --key ~/.ssh/id_ed25519   (or: git config gpg.format ssh && git config user.signingkey"
    " ~/.ssh/id_ed25519.pub)"
)


@contextmanager
def signing_key(repository: GitRepository, named: Path | None) -> Iterator[Path]:
    """The file of the key to sign with; a key that stands in git's settings itself is in a file meanwhile.

    Raises:
        UsageError: none was named and git signs with none, or not with SSH.
    """
    if named:
        yield named.expanduser()
        return
    setting = repository.personal_setting("user.signingkey")
    if not setting:
        raise UsageError(
            "there is no key to sign with", expected="--key FILE, or git's user.signingkey", remedy=_REMEDY
        )
    form = repository.personal_setting("gpg.format") or "openpgp"
    if form != "ssh":
        raise UsageError(f"git signs with {form}", expected="an SSH key: gpg.format is ssh", remedy=_REMEDY)
    literal = setting.removeprefix("key::")
    if literal == setting and not setting.startswith(("ssh-", "ecdsa-", "sk-")):
        yield Path(setting).expanduser()
        return
    with tempfile.TemporaryDirectory(prefix="interlock-key-") as scratch:
        file = Path(scratch) / "key.pub"
        file.write_text(f"{literal}\n", encoding="utf-8")
        yield file
