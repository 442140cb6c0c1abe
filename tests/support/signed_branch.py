"""A git repository whose commits are signed by the real git with SSH keys, and a roster in it.

branch = SignedBranch.begin(tmp_path, alice=("validator",), bob=("trainer",))
commit = branch.commit("alice", {"note.md": "x"})
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlock.history.git_command import Git
from support.signing_keys import SigningKey, make_key

ROSTER = "policies/roster.yaml"
_ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "SSH_"))} | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Somebody",
    "GIT_AUTHOR_EMAIL": "somebody@example.com",
    "GIT_COMMITTER_NAME": "Somebody",
    "GIT_COMMITTER_EMAIL": "somebody@example.com",
}


@dataclass
class SignedBranch:
    """The repository at `root`; `people` is what the roster says next, `keys` every key that was made."""

    root: Path
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, SigningKey] = field(default_factory=dict)

    @classmethod
    def begin(cls, directory: Path, **roles: tuple[str, ...]) -> SignedBranch:
        """A repository with one commit that holds a roster of these people, each with a key of their name."""
        branch = cls(directory / "repository")
        branch.root.mkdir(parents=True)
        branch.git("init", "--quiet", "--initial-branch=main")
        for number, (login, held) in enumerate(roles.items()):
            branch.key(login)
            emails = [f"{login}@example.com"]
            branch.people[login] = {"login": login, "id": number + 1, "emails": emails, "roles": list(held)}
            branch.people[login]["keys"] = [branch.keys[login].public]
        branch.commit(next(iter(roles)), {ROSTER: branch.roster()})
        return branch

    @property
    def reader(self) -> Git:
        """The git of the code under test."""
        return Git(self.root)

    @property
    def head(self) -> str:
        """The commit that is checked out."""
        return self.git("rev-parse", "HEAD")

    def key(self, name: str, kind: str = "ed25519") -> SigningKey:
        """A new key, or the one made under this name."""
        if name not in self.keys:
            self.keys[name] = make_key(self.root.parent / "keys", name, kind)
        return self.keys[name]

    def roster(self) -> str:
        """The text of the roster as `people` says (JSON is YAML)."""
        return json.dumps({"kind": "Roster", "people": list(self.people.values())}, indent=1) + "\n"

    def commit(self, signer: str, files: Mapping[str, str | None], *options: str, date: str = "") -> str:
        """Commit files (None removes one), signed with the key of that name; an empty name signs nothing."""
        for path, text in files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text) if text is not None else target.unlink()
        self.git("add", "--all")
        return self._signed(signer, "commit", "--quiet", "--allow-empty", "-m", "change", *options, date=date)

    def merge(self, signer: str, other: str, *options: str) -> str:
        """Merge another branch or commit by a merge commit that is signed with that key."""
        return self._signed(signer, "merge", "--quiet", "--no-ff", "-m", "merge", *options, other)

    def git(self, *words: str, data: bytes = b"", date: str = "") -> str:
        """What git prints."""
        environment = _ENVIRONMENT | ({"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date} if date else {})
        finished = subprocess.run(
            ["git", *words], cwd=self.root, input=data, capture_output=True, check=True, timeout=60, env=environment
        )
        return finished.stdout.decode().strip()

    def object(self, data: bytes) -> str:
        """Write the bytes of a commit as they are, without checks."""
        return self.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", data=data)

    def raw(self, commit: str) -> bytes:
        """The bytes of a commit."""
        environment = _ENVIRONMENT
        words = ["git", "cat-file", "commit", commit]
        return subprocess.run(words, cwd=self.root, capture_output=True, check=True, timeout=60, env=environment).stdout

    def git_says(self, commit: str, *signers: str, options: str = "") -> bool:
        """What `git verify-commit` says where these people alone may sign; `options` as in an allowed_signers file."""
        allowed = self.root.parent / "allowed_signers"
        allowed.write_text("".join(f"{name}@example.com {options}{self.keys[name].public}\n" for name in signers))
        pins = ["gpg.ssh.program=ssh-keygen", f"gpg.ssh.allowedSignersFile={allowed}", "gpg.minTrustLevel=fully"]
        words = [word for pin in pins for word in ("-c", pin)]
        finished = subprocess.run(
            ["git", *words, "verify-commit", commit], cwd=self.root, capture_output=True, timeout=60, env=_ENVIRONMENT
        )
        return finished.returncode == 0

    def _signed(self, signer: str, *words: str, date: str = "") -> str:
        pins = ["gpg.format=ssh", "gpg.ssh.program=ssh-keygen"]
        if signer:
            pins += [f"user.signingKey={self.key(signer).public_path}", "commit.gpgSign=true"]
        self.git(*[word for pin in pins for word in ("-c", pin)], *words, date=date)
        return self.head
