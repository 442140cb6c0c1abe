"""The key rings of many commits: who held which key by the roster of each. Called where signatures are judged.

A roster that cannot be read gives nobody a key; `unreadable` tells that apart from a key that nobody holds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from interlock.approvals.gpg import MAX_BLOCK, keys_of_block
from interlock.approvals.keys import KeyRing
from interlock.documents.kinds.roster import Roster
from interlock.documents.layout import classify
from interlock.documents.reading import read_document
from interlock.errors import SignatureInvalid
from interlock.history.file_versions import contents_of, objects_at
from interlock.history.git_command import Git
from interlock.history.listing import lines_of

ROSTER = "policies/roster.yaml"
KEY_BLOCKS = "policies/keys"
MAX_ROSTER = 1 << 20
MAX_BLOCKS = 200


@dataclass(frozen=True)
class RosterKeys:
    """The ring of one commit; `unreadable` says why its roster could not be read ("": it could, or there is none)."""

    ring: KeyRing
    unreadable: str = ""


@dataclass(frozen=True)
class Rosters:
    """The rosters of many commits: `identities` tells where roster or key blocks differ."""

    identities: Mapping[str, tuple[str | None, str | None]]
    _keys: Mapping[str | None, RosterKeys]

    def at(self, commit: str) -> RosterKeys:
        """The ring of the roster in one of the commits."""
        return self._keys[self.identities[commit][0]]

    def differ(self, one: str, other: str) -> bool:
        """Whether two of the commits have other people or other keys."""
        return self.identities[one] != self.identities[other]

    def same_blocks(self, commit: str) -> str | None:
        """What identifies the OpenPGP keys of one of the commits; None where it has none."""
        return self.identities[commit][1]

    @cached_property
    def taken_back(self) -> Mapping[str, str]:
        """Every key that any of the rosters calls revoked, ended or somebody else's too, with the reason."""
        found: dict[str, str] = {}
        for keys in self._keys.values():
            found |= keys.ring.all_taken_back()
        return found


def rosters_of(git: Git, commits: Iterable[str], now: dt.date) -> Rosters:
    """The rosters of `commits`, by what is known on the day `now`; each version is read once.

    Raises:
        HistoryError: git did not answer.
    """
    asked = list(dict.fromkeys(commits))
    blobs, blocks = objects_at(git, ROSTER, asked), objects_at(git, KEY_BLOCKS, asked)
    contents = contents_of(git, (blob for blob in blobs.values() if blob), limit=MAX_ROSTER)
    nobody = RosterKeys(KeyRing.of(None, now))
    keys: dict[str | None, RosterKeys] = {None: nobody}
    for blob in {blob for blob in blobs.values() if blob}:
        keys[blob] = _read(contents.get(blob), now)
    return Rosters({commit: (blobs[commit], blocks[commit]) for commit in asked}, keys)


def _read(data: bytes | None, now: dt.date) -> RosterKeys:
    nobody = KeyRing.of(None, now)
    if data is None:
        return RosterKeys(nobody, f"{ROSTER} is no file of at most {MAX_ROSTER} bytes that can be read")
    reading = read_document(data, ROSTER, classify(ROSTER))
    if isinstance(reading.document, Roster):
        return RosterKeys(KeyRing.of(reading.document, now))
    why = "; ".join(f"{problem.place}: {problem.found}" for problem in reading.problems[:1])
    return RosterKeys(nobody, why or f"{ROSTER} cannot be read")


def key_blocks(git: Git, commit: str) -> Sequence[bytes]:
    """The OpenPGP keys that stand in `policies/keys` of a commit; a file that is no key block holds none.

    Raises:
        HistoryError: git did not answer.
    """
    listing = git.run("ls-tree", "-z", "--full-tree", commit, f"{KEY_BLOCKS}/")
    blobs = [
        words.split()[-1] for words, path in lines_of(listing) if words.startswith("100") and path.endswith(".asc")
    ]
    contents = contents_of(git, blobs[:MAX_BLOCKS], limit=MAX_BLOCK)
    found = []
    for data in contents.values():
        try:
            found.append(keys_of_block(data))
        except SignatureInvalid:
            continue
    return found
