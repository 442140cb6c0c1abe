"""Who somebody is: the people and machines of a roster by account, key, e-mail and login. Pure.

Called by `quorum`, by whatever gathers approvals, and by the rules about the roster. A text from a commit or a forge
identifies somebody only where it equals what the roster says: nothing is a pattern, and only ASCII letters are folded.
Whoever shares an account, a key, an e-mail or a name with somebody else is nobody here: one person could be both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from interlock.documents.kinds.roster import Machine, Person, Roster, dated
from interlock.documents.positions import Location
from interlock.documents.public_keys import MalformedKey, key_fingerprint

Member = Person | Machine


@dataclass(frozen=True, slots=True)
class Mark:
    """Something by which a member of the roster is recognised, and where in the roster it stands.

    `kind` is `name`, `account`, `e-mail` or `key`; `value` is what is compared, `shown` what a person can search for.
    """

    kind: str
    value: str
    shown: str
    location: Location


@dataclass(frozen=True, slots=True)
class Shared:
    """One mark that several entries of the roster have."""

    mark: Mark
    names: tuple[str, ...]


@dataclass(frozen=True)
class People:
    """The members of a roster by their marks. `shared` are the marks of several, `ambiguous` the names of those."""

    members: tuple[Member, ...]
    shared: tuple[Shared, ...]
    ambiguous: frozenset[str]
    forges: frozenset[str]
    _holders: Mapping[tuple[str, str], Member]

    @classmethod
    def of(cls, roster: Roster | None) -> People:
        """The people of a roster; nobody where there is none."""
        members: tuple[Member, ...] = (*roster.people, *roster.machines) if roster else ()
        holders: dict[tuple[str, str], list[tuple[Member, Mark]]] = {}
        for member, mark in _marked(roster) if roster else ():
            holders.setdefault((mark.kind, mark.value), []).append((member, mark))
        shared = tuple(
            Shared(held[-1][1], tuple(dict.fromkeys(name_of(member) for member, _ in held)))
            for held in holders.values()
            if len({id(member) for member, _ in held}) > 1
        )
        ambiguous = frozenset(chain.from_iterable(one.names for one in shared))
        forges = frozenset(forge for person in (roster.people if roster else ()) for forge in person.accounts)
        return cls(members, shared, ambiguous, forges, {key: held[0][0] for key, held in holders.items()})

    def by_account(self, account: int, forge: str = "") -> Member | None:
        """Who has a numeric account; `forge` says where, which matters as soon as the roster tells forges apart."""
        return self._certain("account", self._account(account, forge))

    def is_unclear(self, account: int, forge: str = "") -> bool:
        """Whether an account is in the roster, and its holder could be somebody else there as well."""
        found = self._holders.get(("account", self._account(account, forge)))
        return found is not None and name_of(found) in self.ambiguous

    def _account(self, account: int, forge: str) -> str:
        return f"{forge if forge in self.forges else ''}:{account}"

    def _certain(self, kind: str, value: str) -> Member | None:
        found = self._holders.get((kind, value))
        return None if found is None or name_of(found) in self.ambiguous else found

    def by_email(self, text: str) -> Member | None:
        """Who has an e-mail address: all of it, upper and lower case of ASCII letters being the same."""
        return self._certain("e-mail", folded(text))

    def by_key(self, fingerprint: str) -> Member | None:
        """Who has, or had, the key with this fingerprint (`SHA256:…`); whether it still counts is asked elsewhere."""
        return self._certain("key", fingerprint)

    def by_login(self, text: str) -> Member | None:
        """Who has a login or a machine's name. A login identifies nobody at a forge: it can be given to another."""
        return self._certain("name", folded(text))

    def person(self, login: str) -> Person | None:
        """The person with a login; None for a machine, for nobody, and where it is not certain who that is."""
        found = self.by_login(login)
        return found if isinstance(found, Person) else None

    def with_role(self, role: str) -> frozenset[str]:
        """The logins of the people who hold a role."""
        return frozenset(
            member.login
            for member in self.members
            if isinstance(member, Person) and role in member.roles and member.login not in self.ambiguous
        )


def name_of(member: Member) -> str:
    """The login of a person, the name of a machine."""
    return member.login if isinstance(member, Person) else member.name


def folded(text: str) -> str:
    """A text as it is compared. Letters beyond ASCII stay as they are: several of them fold to the same one."""
    return text.lower() if text.isascii() else text


def _marked(roster: Roster) -> Iterator[tuple[Member, Mark]]:
    """Every mark of every member, in the order of the roster."""
    for index, person in enumerate(roster.people):
        yield from ((person, mark) for mark in _marks_of_person(person, ("people", index)))
    for index, machine in enumerate(roster.machines):
        yield from ((machine, mark) for mark in _marks_of_machine(machine, ("machines", index)))


def _marks_of_person(person: Person, at: Location) -> Iterator[Mark]:
    yield Mark("name", folded(person.login), person.login, (*at, "login"))
    yield Mark("account", f":{person.id}", f"account {person.id}", (*at, "id"))
    for forge, account in person.accounts.items():
        yield Mark("account", f"{forge}:{account}", f"account {account} at {forge}", (*at, "accounts", forge))
    yield from _emails_and_keys(person, at)


def _marks_of_machine(machine: Machine, at: Location) -> Iterator[Mark]:
    yield Mark("name", folded(machine.name), machine.name, (*at, "name"))
    if machine.id:
        yield Mark("account", f":{machine.id}", f"account {machine.id}", (*at, "id"))
    yield from _emails_and_keys(machine, at)


def _emails_and_keys(member: Member, at: Location) -> Iterator[Mark]:
    for index, email in enumerate(member.emails):
        yield Mark("e-mail", folded(email), email, (*at, "emails", index))
    for index, key in enumerate(member.keys):
        try:
            fingerprint = key_fingerprint(dated(key).key)
        except MalformedKey:  # the rule `unusable-key` tells; such a key identifies nobody
            continue
        yield Mark("key", fingerprint, f"the key {fingerprint}", (*at, "keys", index))
