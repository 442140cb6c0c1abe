"""`interlock audit`: replays a branch, and says who did what and which commits would not have been allowed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import click

from interlock.checking.audit.auditing import audit as audited
from interlock.checking.audit.bundle import write_bundle
from interlock.checking.audit.bundle_checking import check_bundle
from interlock.checking.audit.outcome import Allowed, Audit, AuditedCommit
from interlock.checking.audit.report import audit_document, time_text, verdict_of
from interlock.checking.audit.told_at import told_at
from interlock.checking.clock import utc_now
from interlock.cli import exit_codes
from interlock.cli.audit_served import Question, node_key, tell_served
from interlock.cli.audit_telling import audit_lines, told_lines
from interlock.cli.options import NAME, Parsed, repository_option
from interlock.cli.terminal import error_text, print_json, say, warn
from interlock.errors import EvidenceError, HistoryError, UsageError
from interlock.findings.readable import readable
from interlock.history.repository import GitRepository

TOLD_SCHEMA = "interlock-audit-at/1"
_EXIT = {Allowed.YES.value: exit_codes.CLEAN, Allowed.NO.value: exit_codes.FINDINGS}


def moment(text: str) -> dt.datetime:
    """A time as a person writes it; without a timezone it is UTC, and a day alone is its beginning."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no time: write for example 2026-11-24 or 2026-11-24T12:30:00+01:00") from error
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


@click.command(short_help="Say who did what, and what would not have been allowed.")
@click.argument("revision", default="HEAD", metavar="[REV]")
@click.option("--env", "environment", type=NAME, help="Only commits that decide about this environment.")
@click.option("--since", metavar="REV|TIME", help="Only commits after this one, or after this time.")
@click.option(
    "--at", "at", type=Parsed("TIME", moment), help="Say what each environment was told to serve at this time."
)
@click.option("--served", is_flag=True, help="With --at: say what nodes served then, by their receipts.")
@click.option("--tenant", default="", metavar="TENANT", help="With --served: what answered this tenant.")
@click.option("--user", default="", metavar="USER", help="With --served: what answered this user, without a tenant.")
@click.option("--alias", type=NAME, help="With --served: only this alias.")
@click.option("--on-node", "on_node", type=NAME, help="With --served: only this node.")
@click.option(
    "--receipts",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="With --served: read these instead of refs/interlock/receipts; may be given several times.",
)
@click.option(
    "--node-key",
    "node_keys",
    multiple=True,
    type=Parsed("NODE=KEY", node_key),
    help="With --served: a node's public key, or its file, beside those in the roster.",
)
@click.option("--all", "everything", is_flag=True, help="Print every commit, not only those to look at.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What to print: for people or for programs.",
)
@click.option("--branch", default="main", show_default=True, help="The branch that approvals were given for.")
@click.option("--bundle", type=click.Path(path_type=Path), help="Also write everything for an auditor into one file.")
@click.option("--key", type=click.Path(path_type=Path), help="With --bundle: sign it with this SSH key.")
@click.option("--verify-bundle", type=click.Path(path_type=Path), help="Check such a file; needs no repository.")
@repository_option
def audit(
    revision: str,
    environment: str | None,
    since: str | None,
    at: dt.datetime | None,
    served: bool,
    tenant: str,
    user: str,
    alias: str | None,
    on_node: str | None,
    receipts: tuple[Path, ...],
    node_keys: tuple[tuple[str, str], ...],
    everything: bool,
    form: str,
    branch: str,
    bundle: Path | None,
    key: Path | None,
    verify_bundle: Path | None,
    directory: Path,
) -> int:
    """Replay the branch up to REV (default: HEAD), and judge each commit by what stood before it.

    Each first-parent commit is one decision. It is judged by the policies, the roster and the history of its parent,
    with the signatures, approvals, attestations and emergencies that the repository holds. Who did something comes from
    a verified key, never from a document. What cannot be judged is told as not evaluated, and never as allowed. Works
    on a bare clone, and needs no network; fetch the statements first: git fetch origin
    refs/interlock/attestations:refs/interlock/attestations

    With --served, the receipts that nodes wrote are joined with the branch: which revision answered an alias at that
    time, which commit told so, and who approved it. Receipts come from the refs of the repository, which are fetched
    like the statements (refs/interlock/receipts/*), or from copies. See docs/receipts.md.

    \b
    Exit status:
      0  every commit was allowed
      1  there are commits that would not have been allowed
      2  the command was called in a way that cannot work
      4  something could not be evaluated, for example in a shallow clone
    With --served: 0 known and proven, 1 receipts were tampered with or contradict git, 4 not known or not proven

    \b
    Examples:
      interlock audit
      interlock audit origin/main --since 2026-10-01 --env production
      interlock audit --at 2026-11-24T12:30:00+01:00
      interlock audit --served --at 2026-11-24T12:30:00 --alias support-bot --tenant acme
      interlock audit -C /srv/git/adapters.git --format json
      interlock audit --bundle audit.tar --key ~/.ssh/id_ed25519
      interlock audit --verify-bundle audit.tar
    """
    if verify_bundle:
        return _verify(verify_bundle)
    narrowing = tenant or user or alias or on_node or receipts or node_keys
    if (served and not at) or (narrowing and not served):
        raise UsageError(
            "--served asks about a time, and the options about receipts belong to it",
            remedy="run: interlock audit --served --at TIME --alias ALIAS --tenant TENANT",
        )
    if key and not bundle:
        raise UsageError("--key was given without --bundle", remedy="run: interlock audit --bundle FILE --key KEY")
    try:
        repository = GitRepository.discover_any(directory)
        head = repository.resolve(revision)
        if served and at:
            asked = Question(at, alias or "", tenant, user, on_node or "", environment or "", receipts, node_keys)
            return tell_served(repository, head, asked, form, now=utc_now(), ref=f"refs/heads/{branch}")
        found = audited(repository.git, head, now=utc_now(), target_ref=f"refs/heads/{branch}")
        if at:
            return _tell_at(found, at, form, environment)
        commits = _chosen(repository, found.commits, since, environment)
        if bundle:
            digest = write_bundle(repository.git, found, bundle, key)
            warn(f"Wrote {readable(str(bundle))}, {'signed' if key else 'NOT SIGNED'}; its manifest is sha256:{digest}")
    except HistoryError as error:
        warn(error_text(error))
        return exit_codes.COULD_NOT_EVALUATE
    if form == "json":
        print_json(audit_document(found, commits))
    else:
        for line in audit_lines(found, commits, everything=everything):
            say(line)
    return _EXIT.get(verdict_of(commits), exit_codes.COULD_NOT_EVALUATE)


def _verify(file: Path) -> int:
    try:
        checked = check_bundle(file)
    except EvidenceError as error:
        warn(error_text(error))
        return exit_codes.FINDINGS
    say(f"{checked.commits} commits up to {readable(checked.head[:12])}")
    say(f"signed by the key {checked.signer}" if checked.signer else "NOT SIGNED: anybody can have written it")
    for flaw in checked.flaws:
        say(f"WRONG: {readable(flaw)}")
    if not checked.flaws:
        say("Nothing in it was changed. Whether its verdicts are right, only an audit of a clone shows.")
    return exit_codes.FINDINGS if checked.flaws or not checked.signer else exit_codes.CLEAN


def _tell_at(found: Audit, at: dt.datetime, form: str, environment: str | None) -> int:
    told = [one for one in told_at(found.commits, at) if environment in (None, one.environment)]
    if form == "json":
        print_json(
            {
                "schema": TOLD_SCHEMA,
                "head": found.head,
                "at": time_text(at),
                "told": [
                    {
                        "environment": one.environment,
                        "adapter": one.adapter,
                        "told": list(one.told),
                        "commit": one.commit,
                        "since": time_text(one.since.time),
                        "time_from": one.since.source,
                        "verdict": one.verdict,
                    }
                    for one in told
                ],
            }
        )
    else:
        for line in told_lines(told, time_text(at)):
            say(line)
    return exit_codes.CLEAN


def _chosen(
    repository: GitRepository, commits: Sequence[AuditedCommit], since: str | None, environment: str | None
) -> list[AuditedCommit]:
    """The commits that were asked for, in the order of the branch."""
    after = commits if since is None else _after(repository, commits, since)
    return [commit for commit in after if environment is None or environment in commit.environments]


def _after(repository: GitRepository, commits: Sequence[AuditedCommit], since: str) -> list[AuditedCommit]:
    try:
        time = moment(since)
    except ValueError:
        start = repository.resolve(since)
        positions = {commit.commit: number for number, commit in enumerate(commits)}
        if start not in positions:
            raise UsageError(
                f"{since} is no commit of the branch itself",
                expected="a first-parent commit of the branch, or a time",
                remedy="run: git log --first-parent --oneline",
            ) from None
        return list(commits[positions[start] + 1 :])
    return [commit for commit in commits if commit.when.time > time]
