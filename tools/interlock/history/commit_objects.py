"""One commit as git stores it, taken apart byte by byte: who its parents are, and what its signature is over.

Called by `commit_signatures`. The split is git's own (`parse_buffer_signed_by_header` in its commit.c), also for merges
of signed tags, encodings and continued lines, so that a signature is judged over exactly the bytes that git judges.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_SIGNATURE = b"gpgsig"
_IDENTITY = re.compile(rb"(?:author|committer) [^\n]*> (-?[0-9]{1,15}) [+-][0-9]{4}")
_ID = re.compile(rb"[0-9a-f]{40}")
_ARMOURS: dict[str, Literal["ssh", "gpg"]] = {
    "-----BEGIN SSH SIGNATURE-----": "ssh",
    "-----BEGIN PGP SIGNATURE-----": "gpg",
}


@dataclass(frozen=True, slots=True)
class SignedCommit:
    """A commit, and what its signature is over.

    `signature` is None where there is none; `format` is None where it is of a kind that is not read. `flaw` says what
    is wrong with the commit itself ("" for nothing): such a commit is never believed. `committer_time` is in seconds
    since 1970, as the committer chose it.
    """

    commit: str
    parents: tuple[str, ...]
    tree: str
    payload: bytes
    signature: str | None
    format: Literal["ssh", "gpg"] | None
    committer_time: int
    flaw: str = ""

    @property
    def first_parent(self) -> str | None:
        """The commit on whose side this one was decided."""
        return self.parents[0] if self.parents else None


def take_apart(commit: str, data: bytes) -> SignedCommit:
    """Read the bytes of one commit object, whose id is `commit`."""
    payload, signature, count = split_signature(data)
    tree, parents, time, flaw = _headers(data)
    if count > 1:
        flaw = flaw or f"it has {count} signatures, of which git would read one and another program the other"
    text = signature.decode("latin-1") if count else None
    form = _ARMOURS.get(text.partition("\n")[0].rstrip("\r")) if text else None
    return SignedCommit(commit, parents, tree, payload, text, form, time, flaw)


def split_signature(data: bytes) -> tuple[bytes, bytes, int]:
    """The bytes that a commit's signature is over, the signature, and how many signatures the commit has."""
    payload, signature, count = bytearray(), bytearray(), 0
    inside: Literal["", "ours", "other"] = ""
    at = 0
    while at < len(data):
        if data[at] == 0x0A:  # the message begins: all of it is signed
            payload += data[at:]
            break
        end = data.find(b"\n", at) + 1 or len(data)
        line = data[at:end]
        at = end
        continued = line.startswith(b" ")
        if line.startswith(_SIGNATURE + b" "):
            inside, line, count = "ours", line[len(_SIGNATURE) :], count + 1
        elif line.startswith(_SIGNATURE):  # such as gpgsig-sha256: over the same commit in another format of ids
            inside = "other"
        elif not continued:
            inside = ""
        if inside == "ours":
            signature += line[1:]
        elif inside == "":
            payload += line
    return bytes(payload), bytes(signature), count


def _headers(data: bytes) -> tuple[str, tuple[str, ...], int, str]:
    """Tree, parents, the committer's time, and what is wrong with the first lines of a commit."""
    lines = data.partition(b"\n\n")[0].split(b"\n")
    tree = _named(lines, 0, b"tree ")
    parents: list[str] = []
    while (parent := _named(lines, 1 + len(parents), b"parent ")) and len(parents) < 100:
        parents.append(parent)
    rest = lines[1 + len(parents) : 3 + len(parents)]
    people = [match for line in rest if (match := _IDENTITY.fullmatch(line))]
    ordered = len(people) == 2 and people[0][0].startswith(b"author ") and people[1][0].startswith(b"committer ")
    flaw = "" if tree and ordered else "its first lines are not those of a commit"
    repeated = any(
        line.startswith((b"tree ", b"parent ", b"author ", b"committer ")) for line in lines[3 + len(parents) :]
    )
    if not flaw and repeated:
        flaw = "its headers name a tree, a parent or a person in a place where git does not look"
    return tree, tuple(parents), int(people[1][1]) if ordered else 0, flaw


def _named(lines: list[bytes], index: int, word: bytes) -> str:
    line = lines[index] if index < len(lines) else b""
    identity = line.removeprefix(word)
    return identity.decode("ascii") if line.startswith(word) and _ID.fullmatch(identity) else ""
