"""The roster: everybody stands there once, with marks that only they have, and machines do what machines may do.

Who approves is known by these marks alone. `approvals.people` takes everybody whose marks are shared for nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from interlock.approvals.people import People
from interlock.documents.kinds.roster import Key, Machine, Person, Roster, dated
from interlock.documents.positions import Location
from interlock.documents.public_keys import MalformedKey, key_fingerprint
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule
from interlock.rules.wording import listed

FAMILY = "roster"
HUMAN_ROLES = frozenset({"validator", "operator", "incident-commander"})
"""Roles that only people hold, whether a policy asks for them yet or not."""
_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_EMAIL = re.compile(r"[^\s@<>*?!,;\[\]{}()\\\"]+@[^\s@<>*?!,;\[\]{}()\\\"]+")
_PATTERN = frozenset("*?!,")


def person_twice(facts: Facts) -> Iterator[Finding]:
    """Two entries have the same name or the same account."""
    for located, people in _roster(facts):
        for shared in people.shared:
            if shared.mark.kind in ("name", "account"):
                yield Finding(
                    "person-twice",
                    located.place(*shared.mark.location),
                    f"{shared.mark.shown} stands in the roster more than once ({listed(shared.names)})",
                    "each person and each machine once",
                    "keep one entry for each, with all e-mails, keys and roles that belong to it",
                )


def shared_identity(facts: Facts) -> Iterator[Finding]:
    """One key or e-mail address belongs to two entries."""
    for located, people in _roster(facts):
        for shared in people.shared:
            if shared.mark.kind in ("e-mail", "key"):
                yield Finding(
                    "shared-identity",
                    located.place(*shared.mark.location),
                    f"{listed(shared.names)} have {shared.mark.shown} in common",
                    f"{'a key' if shared.mark.kind == 'key' else 'an e-mail address'} that one entry alone has",
                    "take it away from all of them but one; until then neither of them can approve anything",
                )


def unusable_key(facts: Facts) -> Iterator[Finding]:
    """A key that cannot identify anybody."""
    for located, member, at in _members(facts):
        for index, written in enumerate(member.keys):
            why = _why_no_key(dated(written))
            if why:
                yield Finding(
                    "unusable-key",
                    located.place(*at, "keys", index),
                    f"this key of {_name(member)} is no key that anybody could be known by",
                    why,
                    "copy the line of the .pub file: ssh-keygen -t ed25519 writes one beside the private key",
                )


def _why_no_key(key: Key) -> str:
    if _PATTERN & set(key.key.partition(" ")[0]):
        return "one key, without patterns, names or options in front of it"
    try:
        key_fingerprint(key.key)
    except MalformedKey as error:
        return str(error).removeprefix("expected ")
    if key.since and key.until and key.until < key.since:
        return "a last day that is not before the first one"
    return ""


def pattern_in_roster(facts: Facts) -> Iterator[Finding]:
    """A login or an e-mail address that could be read as a pattern, or as another one than it is."""
    for located, member, at in _members(facts):
        if isinstance(member, Person) and not _LOGIN.fullmatch(member.login):
            yield _no_name(
                located, (*at, "login"), "a login", "ASCII letters, digits and inner . _ - as forges allow them"
            )
        for index, email in enumerate(member.emails):
            if not _EMAIL.fullmatch(email):
                yield _no_name(located, (*at, "emails", index), "an e-mail address", "one whole address: name@domain")


def _no_name(located: Located[Roster], at: Location, what: str, expected: str) -> Finding:
    return Finding(
        "pattern-in-roster",
        located.place(*at),
        f"{what} with a character that {what} does not have, as in a pattern that several people match",
        expected,
        "write out each one by itself; nothing in the roster is a pattern",
    )


def machine_in_human_role(facts: Facts) -> Iterator[Finding]:
    """A machine holds a role in which people approve or act in an emergency."""
    human = HUMAN_ROLES | _asked_of_people(facts)
    for located, member, at in _members(facts):
        for index, role in enumerate(member.roles if isinstance(member, Machine) else ()):
            if role in human:
                yield Finding(
                    "machine-in-human-role",
                    located.place(*at, "roles", index),
                    f"the machine {_name(member)} is {role}, and that is a role of people",
                    "builder, attester, evaluator, forge, or another role in which nobody approves",
                    f"take {role} away from {_name(member)}; whoever answers for it stands below people:",
                )


def _asked_of_people(facts: Facts) -> frozenset[str]:
    found: set[str] = set()
    for policy in facts.snapshot.policies.values():
        approvals, emergency = policy.document.approvals, policy.document.emergency
        for asking in (approvals, *((approvals.low, approvals.medium, approvals.high) if approvals else ())):
            found |= set(asking.roles) if asking else set()
        found |= set(emergency.roles) if emergency else set()
    return frozenset(found)


def _roster(facts: Facts) -> Iterator[tuple[Located[Roster], People]]:
    located = facts.snapshot.roster
    if located:
        yield located, facts.once("people", lambda known: People.of(located.document))


def _members(facts: Facts) -> Iterator[tuple[Located[Roster], Person | Machine, Location]]:
    located = facts.snapshot.roster
    if located:
        for index, person in enumerate(located.document.people):
            yield located, person, ("people", index)
        for index, machine in enumerate(located.document.machines):
            yield located, machine, ("machines", index)


def _name(member: Person | Machine) -> str:
    return member.login if isinstance(member, Person) else member.name


RULES = (
    Rule(
        "person-twice",
        "Somebody stands in the roster twice",
        "One person with two entries is two approvals, and nobody who looks at the forge sees that it is one.",
        "Keep one entry for each person and machine.",
        FAMILY,
        person_twice,
    ),
    Rule(
        "shared-identity",
        "Two entries have a key or an e-mail address in common",
        "Whoever holds the key approves as either of them: one person is counted as two.",
        "Let each key and each address stand with one entry.",
        FAMILY,
        shared_identity,
    ),
    Rule(
        "unusable-key",
        "A key that identifies nobody",
        "A signature by it counts for nobody, and a pattern in its place would count for everybody.",
        "Write the whole line of the .pub file, of a kind that is not broken.",
        FAMILY,
        unusable_key,
    ),
    Rule(
        "pattern-in-roster",
        "A login or e-mail address that is none",
        "A name made to look like a pattern, or like another name, lets one person pass for several.",
        "Write out each login and each address.",
        FAMILY,
        pattern_in_roster,
    ),
    Rule(
        "machine-in-human-role",
        "A machine holds a role of people",
        "Whoever can start the machine approves by it, and nobody has looked at anything.",
        "Give the role to the person who answers.",
        FAMILY,
        machine_in_human_role,
    ),
)
