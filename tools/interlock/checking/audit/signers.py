"""Who signed each commit, by the roster of the commit before it and what is known of keys today. Called by the audit.

A key that has reached its last day counts for what was signed until then; a key that was revoked counts for what the
branch shows to be older than that day. What shows it is a later commit that somebody else signed with a key that is
good today: its signature covers everything before it. A date that a signer wrote shows nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from interlock.approvals.gpg import verify_openpgp
from interlock.approvals.keys import KeyRing
from interlock.checking.audit.commit_records import MadeBy
from interlock.checking.audit.outcome import Actor, AuditedCommit
from interlock.checking.key_rings import ROSTER, key_blocks
from interlock.documents.kinds.roster import Machine, Person, Roster, dated
from interlock.documents.positions import Place
from interlock.documents.public_keys import MalformedKey, key_fingerprint
from interlock.documents.snapshot import Located
from interlock.errors import SignatureInvalid, SigningFailed
from interlock.findings.finding import Finding
from interlock.history.git_command import Git


@dataclass
class KeysToday:
    """What all rosters of the history say of each key, the earliest day of each kind."""

    revoked: dict[str, dt.date] = field(default_factory=dict)
    until: dict[str, dt.date] = field(default_factory=dict)

    def learn(self, roster: Roster) -> None:
        """Take in one version of the roster."""
        holders: tuple[Person | Machine, ...] = (*roster.people, *roster.machines)
        for written in (key for holder in holders for key in holder.keys):
            key = dated(written)
            try:
                fingerprint = key_fingerprint(key.key)
            except MalformedKey:
                continue
            for day, known in ((key.revoked, self.revoked), (key.until, self.until)):
                if day:
                    known[fingerprint] = min(day, known.get(fingerprint, day))

    def end_of(self, fingerprint: str) -> tuple[dt.date, str] | None:
        """The day from which on a key signs nothing any more, and why; None for a key that nobody took back."""
        ends = []
        if fingerprint in self.revoked:
            ends.append((self.revoked[fingerprint], "revoked"))
        if fingerprint in self.until:
            ends.append((self.until[fingerprint] + dt.timedelta(days=1), "retired"))
        return min(ends) if ends else None

    def is_good(self, fingerprint: str, today: dt.date) -> bool:
        """Whether a key counts on a day."""
        end = self.end_of(fingerprint)
        return end is None or today < end[0]


@dataclass
class Signers:
    """Whose signature each commit has; rings are kept as long as roster and day stay."""

    git: Git
    keys: KeysToday
    _ring: tuple[str, dt.date, KeyRing] | None = None

    def ring(self, roster: Located[Roster] | None, day: dt.date) -> KeyRing:
        """The ring of one version of the roster on one day; what was revoked later is `taken_back`'s to tell."""
        identity = roster.identity if roster else ""
        if self._ring is None or self._ring[:2] != (identity, day):
            self._ring = (identity, day, KeyRing.of(roster.document if roster else None, day))
        return self._ring[2]

    def actor(self, made: MadeBy, ring: KeyRing, trusted: str | None) -> Actor:
        """Who signed a commit, by the ring of the commit before it (`trusted`)."""
        claimed = next((f"{hand.name} <{hand.email}>" for hand in made.hands if hand.how == "committer"), "")
        try:
            fingerprint = self._fingerprint(made, trusted)
        except (SignatureInvalid, SigningFailed) as error:
            return Actor(why_not=error.found, claimed=claimed)
        holder = ring.holder(fingerprint)
        if holder is None:
            return Actor(fingerprint=fingerprint, why_not=ring.why_not(fingerprint), claimed=claimed)
        return Actor(holder.name, holder.is_machine, fingerprint, claimed=claimed)

    def _fingerprint(self, made: MadeBy, trusted: str | None) -> str:
        if made.openpgp is None:
            if made.why:
                raise SignatureInvalid(made.why)
            return made.fingerprint
        blocks = key_blocks(self.git, trusted) if trusted else ()
        return verify_openpgp(made.openpgp.payload, (made.openpgp.signature or "").encode("latin-1"), blocks)


def with_keys_of_today(commits: Sequence[AuditedCommit], keys: KeysToday, today: dt.date) -> Iterator[AuditedCommit]:
    """The commits, those with a finding whose key was taken back and that nothing shows to be older."""
    shown = list(_shown_to_be_before(commits, keys, today))
    for commit, latest in zip(commits, shown, strict=True):
        finding = _taken_back(commit, latest, keys, today)
        yield replace(commit, findings=(*commit.findings, finding)) if finding else commit


def _shown_to_be_before(commits: Sequence[AuditedCommit], keys: KeysToday, today: dt.date) -> list[dt.date]:
    """For each commit, a day on which it was there already: of a later commit signed by somebody else's good key.

    A person who holds a stolen key may hold the next one too, so the other key is another name's. A day and not a
    moment: rosters speak of days.
    """
    found: list[dt.date] = []
    by_name: dict[str, dt.date] = {}
    for commit in reversed(commits):
        others = [day for name, day in by_name.items() if name != commit.activator.name]
        found.append(min(others, default=today))
        if commit.activator.name and keys.is_good(commit.activator.fingerprint, today):
            by_name[commit.activator.name] = commit.when.time.date()
    return found[::-1]


def _taken_back(commit: AuditedCommit, shown: dt.date, keys: KeysToday, today: dt.date) -> Finding | None:
    end = keys.end_of(commit.activator.fingerprint) if commit.activator.name else None
    if end is None or today < end[0] or shown < end[0]:
        return None
    day, what = end
    return Finding(
        "key-taken-back",
        Place(ROSTER),
        f"{commit.commit[:12]} is signed with a key of {commit.activator.name} that was {what} on {day}, and nothing"
        f" shows that it was made before: it is first followed on {shown} by a commit of somebody else's good key",
        "a commit that a later one, signed by somebody else, shows to be older than the end of its key",
        f"ask {commit.activator.name} whether the commit is theirs; if not, revert it and read docs/threat-model.md",
    )
