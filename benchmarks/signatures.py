"""Who signed each of 1,000 new commits: our verification of them all, and `git log --format=%G?` of the same.

Limits: 15 ms a commit, and nothing at all where nothing is new. Every commit is signed with an SSH key (ed25519) and
moves one file; the roster has ten people.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import os
import subprocess
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from interlock.approvals.ssh_wire import string
from interlock.checking.signed_range import verify_range
from interlock.findings.finding import Verdict
from interlock.history.git_command import Git

COMMITS = 1000
TODAY = dt.date(2026, 11, 25)
_ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def measure(root: Path) -> dict[str, object]:
    """Milliseconds a commit on both sides, their ratio, and microseconds where nothing is new."""
    repository = _Repository(root)
    first, head = repository.fill(COMMITS)
    ours = _seconds(lambda: _all_pass(repository.git, first, head))
    nothing = _seconds(lambda: _all_pass(repository.git, head, head))
    gits = _seconds(lambda: repository.asked_git(first, head))
    return {
        "commits": COMMITS,
        "milliseconds_a_commit": round(ours * 1000 / COMMITS, 3),
        "limit_milliseconds_a_commit": 15.0,
        "git_log_milliseconds_a_commit": round(gits * 1000 / COMMITS, 3),
        "ratio_to_git_log": round(ours / gits, 4),
        "nothing_new_microseconds": round(nothing * 1e6, 1),
    }


def _all_pass(git: Git, accepted: str, head: str) -> None:
    found = verify_range(git, accepted, head, now=TODAY)
    if found.verdict is not Verdict.PASS:
        raise RuntimeError(f"the generated commits are not good: {found.why}")


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@dataclass
class _Key:
    private: Ed25519PrivateKey

    @property
    def blob(self) -> bytes:
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return string(b"ssh-ed25519") + string(raw)

    @property
    def line(self) -> str:
        return f"ssh-ed25519 {base64.b64encode(self.blob).decode()}"

    def signed(self, payload: bytes) -> str:
        digest = hashlib.sha512(payload).digest()
        signed = b"SSHSIG" + string(b"git") + string(b"") + string(b"sha512") + string(digest)
        made = string(b"ssh-ed25519") + string(self.private.sign(signed))
        parts = (self.blob, b"git", b"", b"sha512", made)
        text = base64.b64encode(b"SSHSIG\0\0\0\x01" + b"".join(map(string, parts))).decode()
        lines = [text[at : at + 70] for at in range(0, len(text), 70)]
        return "\n ".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----"])


class _Repository:
    """A bare repository that is written object by object: git alone would sign for half a minute."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git = Git(root)
        self.keys = [_Key(Ed25519PrivateKey.generate()) for _ in range(10)]
        subprocess.run(["git", "init", "--quiet", "--bare", str(root)], check=True, env=_ENVIRONMENT)

    def fill(self, count: int) -> tuple[str, str]:
        """Write the first commit and `count` signed ones after it; returns the first and the last."""
        policies = self._tree(("100644", "roster.yaml", self._object("blob", self._roster())))
        first = commit = self._commit(policies, 0, "")
        for number in range(1, count + 1):
            commit = self._commit(policies, number, commit)
        self._run("update-ref", "refs/heads/main", commit)
        self._run("repack", "-adq")
        return first, commit

    def asked_git(self, first: str, head: str) -> None:
        """Let git judge the same commits, with the same keys."""
        allowed = self.root / "allowed_signers"
        allowed.write_text("".join(f"p{number}@example.com {key.line}\n" for number, key in enumerate(self.keys)))
        pins = ("-c", "gpg.ssh.program=ssh-keygen", "-c", f"gpg.ssh.allowedSignersFile={allowed}")
        words = self._run(*pins, "log", "--format=%G?", f"{first}..{head}").split()
        if words != [b"G"] * COMMITS:
            raise RuntimeError("git does not call every generated commit good")

    def _commit(self, policies: bytes, number: int, parent: str) -> str:
        note = self._object("blob", f"{number}\n".encode())
        tree = self._tree(("100644", "note.md", note), ("40000", "policies", policies))
        lines = [f"tree {tree.hex()}", *([f"parent {parent}"] if parent else [])]
        lines += [f"{who} P <p@example.com> {1_700_000_000 + number} +0000" for who in ("author", "committer")]
        headers, message = "\n".join(lines), f"\n\nChange {number}\n"
        signature = self.keys[number % len(self.keys)].signed((headers + message).encode())
        return self._object("commit", f"{headers}\ngpgsig {signature}{message}".encode()).hex()

    def _roster(self) -> bytes:
        people = [
            f'- {{login: p{number}, id: {number + 1}, emails: [p{number}@example.com], keys: ["{key.line}"]}}\n'
            for number, key in enumerate(self.keys)
        ]
        return f"kind: Roster\npeople:\n{''.join(people)}".encode()

    def _tree(self, *entries: tuple[str, str, bytes]) -> bytes:
        return self._object("tree", b"".join(f"{mode} {name}\0".encode() + oid for mode, name, oid in entries))

    def _object(self, kind: str, data: bytes) -> bytes:
        whole = f"{kind} {len(data)}\0".encode() + data
        identity = hashlib.sha1(whole, usedforsecurity=False)
        path = self.root / "objects" / identity.hexdigest()[:2] / identity.hexdigest()[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(whole, 1))
        return identity.digest()

    def _run(self, *words: str) -> bytes:
        command: Sequence[str] = ["git", *words]
        return subprocess.run(command, cwd=self.root, check=True, capture_output=True, env=_ENVIRONMENT).stdout
