"""Who owns which path, by the roster and the policies, and the rule that a generated CODEOWNERS still says so. Pure.

Called by the checker and by `interlock codeowners`. Owners of an environment are the people of the roles that its
policies ask for approvals; owners of the policies are all of those together. The recipes and suites of an adapter
belong to the team of its document, or to the person of the roster whom its contact names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from interlock.documents.kinds.adapter import Adapter
from interlock.documents.kinds.roster import Person
from interlock.documents.layout import classify
from interlock.documents.positions import Place
from interlock.documents.snapshot import Snapshot
from interlock.findings.finding import Finding, Severity
from interlock.rules.code_owners_file import Group, NotWritable, Options, Owned, code_owners_text, generated_with
from interlock.rules.effective_policy import effective_policy, policies_of
from interlock.rules.facts import Facts
from interlock.rules.rule import Rule

FAMILY = "policies"
_DECIDING = frozenset({"Adapter", "Environment", "Policy", "Roster"})


def expected_text(snapshot: Snapshot, options: Options) -> str:
    """The whole file that a repository should have.

    Raises:
        NotWritable: a login of the roster cannot stand in such a file.
    """
    return code_owners_text(tuple(ownership(snapshot, options)), options)


def ownership(snapshot: Snapshot, options: Options) -> Iterator[Owned]:
    """Every owned path, the more special one after the more general one: of several that match, the last one counts."""
    guarding = {name: groups for name in sorted(snapshot.environments) if (groups := _approvers(snapshot, name))}
    everybody = _together(guarding.values())
    yield Owned("CODEOWNERS and pipelines", options.machinery, everybody)
    yield Owned("policies", ("/policies/",), everybody)
    for name, policy in sorted(snapshot.policies.items()):
        own = _together(guarding[env] for env in policy.document.environments if env in guarding)
        if own and own != everybody:
            yield Owned(f"policy {name}", (f"/policies/{name}.yaml",), own)
    for name, groups in guarding.items():
        yield Owned(f"environment {name}", (f"/environments/{name}/",), groups)
    for name, adapter in sorted(snapshot.adapters.items()):
        paths = (f"/adapters/{name}/recipes/", f"/adapters/{name}/suites/")
        yield Owned(f"adapter {name}", paths, _adapter_owners(snapshot, adapter.document, options) or everybody)


def _approvers(snapshot: Snapshot, environment: str) -> tuple[Group, ...]:
    """The people of each role that must approve, or all people where only a number is asked for."""
    policy = effective_policy(policies_of(snapshot, environment))
    wanted = {
        key.removeprefix("approvals.roles."): policy.value(key, 1)
        for key in policy.settings
        if key.startswith("approvals.roles.")
    }
    people = _people(snapshot)
    groups = [
        Group(role, count, tuple(sorted(f"@{person.login}" for person in people if role in person.roles)))
        for role, count in sorted(wanted.items())
        if count
    ]
    if not groups and policy.value("approvals.count", 0):
        groups = [Group("", policy.value("approvals.count", 0), tuple(sorted(f"@{person.login}" for person in people)))]
    return tuple(groups)


def _together(several: Iterable[tuple[Group, ...]]) -> tuple[Group, ...]:
    """The groups of several environments as one: each role once, with the larger count."""
    found: dict[str, Group] = {}
    for groups in several:
        for group in groups:
            before = found.get(group.role)
            found[group.role] = group if before is None or group.count > before.count else before
    return tuple(found[role] for role in sorted(found))


def _adapter_owners(snapshot: Snapshot, adapter: Adapter, options: Options) -> tuple[Group, ...]:
    if options.teams:
        return (Group("", 1, (f"@{options.teams}/{adapter.owners.team}",)),)
    contact = adapter.owners.contact.casefold()
    named = [f"@{person.login}" for person in _people(snapshot) if contact in map(str.casefold, person.emails)]
    return (Group("", 1, tuple(sorted(named))),) if named else ()


def _people(snapshot: Snapshot) -> tuple[Person, ...]:
    return snapshot.roster.document.people if snapshot.roster else ()


def unread_documents(snapshot: Snapshot) -> tuple[str, ...]:
    """The documents that decide about owners and are not in a snapshot: unreadable, or not needed for a judgement."""
    there = {adapter.path for adapter in snapshot.adapters.values()}
    there |= {environment.path for environment in snapshot.environments.values()}
    there |= {policy.path for policy in snapshot.policies.values()}
    there |= {snapshot.roster.path} if snapshot.roster else set()
    return tuple(sorted(path for path in snapshot.entries if classify(path).kind in _DECIDING and path not in there))


def codeowners_outdated(facts: Facts) -> Iterator[Finding]:
    """A CODEOWNERS that was generated says something else than roster and policies do now."""
    for path, text in sorted(facts.code_owners.items()):
        options = generated_with(text)
        if options is None or unread_documents(facts.snapshot):
            continue
        try:
            expected = expected_text(facts.snapshot, options)
        except NotWritable as error:
            expected, why = None, f"it cannot be generated: {error}"
        else:
            why = f"{path} was generated, and roster, policies or adapters say something else now"
        if text != expected:
            yield Finding(
                "codeowners-outdated",
                Place(path, _first_difference(text, expected or ""), 1),
                why,
                "what `interlock codeowners` writes for this repository",
                "run: interlock codeowners --write   (in a change of its own)",
                severity=Severity.WARNING,
            )


def _first_difference(one: str, other: str) -> int:
    """The number of the first line, from 1, that is not the same."""
    lines, others = one.split("\n"), other.split("\n")
    pairs = zip(lines, others, strict=False)
    return next((number for number, (a, b) in enumerate(pairs, 1) if a != b), min(len(lines), len(others)))


RULES = (
    Rule(
        "codeowners-outdated",
        "CODEOWNERS is not what roster and policies say",
        "The forge asks people for reviews who have left the role, and not those who hold it now.",
        "Generate the file again, in a change of its own.",
        FAMILY,
        codeowners_outdated,
    ),
)
