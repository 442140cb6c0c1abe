"""The key ring: whose key a fingerprint is, by one roster and by what is known on one day.

Called wherever a signature has been verified and a name is needed. Only a key that exactly one person or machine of the
roster holds, and that is neither revoked nor past its last day, has a holder. "Now" is the day of the judgement, never
the date that a signer wrote into a commit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from interlock.documents.kinds.roster import Key, Machine, Person, Roster, dated, why_unusable
from interlock.documents.public_keys import OPENPGP, MalformedKey, key_fingerprint

NODE = "node"
"""The role of a machine that serves: its key signs receipts, and counts for no commit and for no statement."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The person (by login) or machine (by name) that holds a key."""

    name: str
    is_machine: bool
    roles: frozenset[str]


@dataclass(frozen=True)
class KeyRing:
    """The keys of one roster on one day."""

    now: dt.date
    _keys: Mapping[str, tuple[tuple[Holder, Key], ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, roster: Roster | None, now: dt.date) -> KeyRing:
        """The ring of a roster, or of nobody; a key that cannot be read is nobody's.

        The keys of serving nodes are in none: they sign receipts (`of_nodes`) and nothing else.
        """
        return cls._made(roster, now, nodes=False)

    @classmethod
    def of_nodes(cls, roster: Roster | None, now: dt.date) -> KeyRing:
        """The ring of a roster's serving nodes alone."""
        return cls._made(roster, now, nodes=True)

    @classmethod
    def _made(cls, roster: Roster | None, now: dt.date, *, nodes: bool) -> KeyRing:
        keys: dict[str, tuple[tuple[Holder, Key], ...]] = {}
        for fingerprint, key in _keys_of(roster) if roster else ():
            if (key[0].is_machine and NODE in key[0].roles) is not nodes:
                continue
            keys[fingerprint] = (*keys.get(fingerprint, ()), key)
        return cls(now, keys)

    @property
    def held(self) -> Mapping[str, tuple[tuple[Holder, Key], ...]]:
        """Who holds which key, by fingerprint, whether or not it counts on this day."""
        return self._keys

    def holder(self, fingerprint: str) -> Holder | None:
        """Whose key this is; None where `why_not` has a reason."""
        return None if self.why_not(fingerprint) else self._keys[fingerprint][0][0]

    def why_not(self, fingerprint: str) -> str:
        """Why a signature by this key counts for nobody, as a sentence; empty where it counts."""
        keys = self._keys.get(fingerprint, ())
        if not keys:
            return f"nobody in the roster holds the key {fingerprint}"
        names = sorted({holder.name for holder, _ in keys})
        if len({(holder.name, holder.is_machine) for holder, _ in keys}) > 1:
            return f"the key {fingerprint} is given to {' and '.join(names)}, so it says nothing about either"
        why = next((why for _, key in keys if (why := why_unusable(key, self.now))), "")
        return f"{names[0]}'s key {fingerprint}{why.removeprefix('the key')}" if why else ""

    def taken_back(self, fingerprint: str) -> str:
        """Why a key that this roster names counts no more, as a sentence; empty for a good key and for a stranger's."""
        return self.why_not(fingerprint) if fingerprint in self._keys else ""

    def all_taken_back(self) -> dict[str, str]:
        """Every key that this roster names and that counts no more, with the reason."""
        return {fingerprint: why for fingerprint in self._keys if (why := self.why_not(fingerprint))}

    @property
    def knows_openpgp(self) -> bool:
        """Whether anybody has a key of GPG."""
        return any(fingerprint.startswith(OPENPGP) for fingerprint in self._keys)

    def without(self, fingerprints: Collection[str]) -> KeyRing:
        """The ring without some keys, such as those of which more is known by now than this roster says."""
        return KeyRing(self.now, {key: held for key, held in self._keys.items() if key not in fingerprints})

    def with_role(self, role: str) -> frozenset[str]:
        """The fingerprints of the good keys of everybody who has a role."""
        return frozenset(
            fingerprint for fingerprint in self._keys if (who := self.holder(fingerprint)) and role in who.roles
        )


def _keys_of(roster: Roster) -> Iterator[tuple[str, tuple[Holder, Key]]]:
    for person in roster.people:
        yield from _read(person.keys, _holder(person.login, person))
    for machine in roster.machines:
        yield from _read(machine.keys, _holder(machine.name, machine))


def _holder(name: str, entry: Person | Machine) -> Holder:
    return Holder(name, isinstance(entry, Machine), frozenset(entry.roles))


def _read(keys: Iterable[str | Key], holder: Holder) -> Iterator[tuple[str, tuple[Holder, Key]]]:
    for key in keys:
        try:
            yield key_fingerprint(dated(key).key), (holder, dated(key))
        except MalformedKey:
            continue
