"""The key ring: whose key a fingerprint is, by one roster and by what is known on one day.

Called wherever a signature has been verified and a name is needed. Only a key that exactly one person or machine of the
roster holds, and that is neither revoked nor past its last day, has a holder. "Now" is the day of the judgement, never
the date that a signer wrote into a commit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from interlock.approvals.key_text import key_fingerprint
from interlock.documents.kinds.roster import Machine, Person, Roster
from interlock.errors import SignatureInvalid


@dataclass(frozen=True, slots=True)
class Holder:
    """The person (by login) or machine (by name) that holds a key."""

    name: str
    is_machine: bool
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Key:
    """One key of the roster; `until` is its last good day, `revoked` the day from which it counts as stolen."""

    holder: Holder
    until: dt.date | None = None
    revoked: dt.date | None = None


@dataclass(frozen=True)
class KeyRing:
    """The keys of one roster on one day."""

    now: dt.date
    _keys: Mapping[str, tuple[_Key, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, roster: Roster | None, now: dt.date) -> KeyRing:
        """The ring of a roster, or of nobody; a key that cannot be read is nobody's."""
        keys: dict[str, tuple[_Key, ...]] = {}
        for fingerprint, key in _keys_of(roster) if roster else ():
            keys[fingerprint] = (*keys.get(fingerprint, ()), key)
        return cls(now, keys)

    def holder(self, fingerprint: str) -> Holder | None:
        """Whose key this is; None where `why_not` has a reason."""
        return None if self.why_not(fingerprint) else self._keys[fingerprint][0].holder

    def why_not(self, fingerprint: str) -> str:
        """Why a signature by this key counts for nobody, as a sentence; empty where it counts."""
        keys = self._keys.get(fingerprint, ())
        if not keys:
            return f"nobody in the roster holds the key {fingerprint}"
        names = sorted({key.holder.name for key in keys})
        if len({(key.holder.name, key.holder.is_machine) for key in keys}) > 1:
            return f"the key {fingerprint} is given to {' and '.join(names)}, so it says nothing about either"
        whose = f"{names[0]}'s key {fingerprint}"
        if revoked := [key.revoked for key in keys if key.revoked]:
            return f"{whose} was revoked on {min(revoked)}"
        ended = [key.until for key in keys if key.until]
        if ended and min(ended) < self.now:
            return f"{whose} was retired: its last day was {min(ended)}"
        return ""

    def taken_back(self, fingerprint: str) -> str:
        """Why a key that this roster names counts no more, as a sentence; empty for a good key and for a stranger's."""
        return self.why_not(fingerprint) if fingerprint in self._keys else ""

    def with_role(self, role: str) -> frozenset[str]:
        """The fingerprints of the good keys of everybody who has a role."""
        return frozenset(
            fingerprint for fingerprint in self._keys if (who := self.holder(fingerprint)) and role in who.roles
        )


def _keys_of(roster: Roster) -> Iterator[tuple[str, _Key]]:
    for person in roster.people:
        yield from _read(person.keys, _holder(person.login, person))
    for machine in roster.machines:
        yield from _read(machine.keys, _holder(machine.name, machine))


def _holder(name: str, entry: Person | Machine) -> Holder:
    return Holder(name, isinstance(entry, Machine), frozenset(entry.roles))


def _read(keys: Iterable[object], holder: Holder) -> Iterator[tuple[str, _Key]]:
    for key in keys:
        text = key if isinstance(key, str) else getattr(key, "key", "")
        try:
            fingerprint = key_fingerprint(text)
        except SignatureInvalid:
            continue
        yield fingerprint, _Key(holder, getattr(key, "until", None), getattr(key, "revoked", None))
