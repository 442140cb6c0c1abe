"""`interlock attest`: judges commits of the trusted branch in full, and signs the verdict for the nodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from interlock.approvals.forges.address import ForgeAddress
from interlock.checking.approval_facts import Told
from interlock.checking.checker import CheckCaches
from interlock.checking.clock import utc_now
from interlock.checking.decision import branch_ref, merged_decision
from interlock.checking.local_check import local_caches
from interlock.cli import exit_codes
from interlock.cli.approvals_asked import ADDRESS, read_told
from interlock.cli.artifacts_from import artifacts_from_option, open_elsewhere
from interlock.cli.check_telling import Told as Telling
from interlock.cli.check_telling import tell
from interlock.cli.options import json_option, repository_option
from interlock.cli.signing_options import fetch_option, key_option, push_option, target_option
from interlock.cli.terminal import error_text, print_json, say, warn
from interlock.errors import HistoryError, UsageError
from interlock.findings.finding import Verdict
from interlock.findings.readable import readable
from interlock.findings.report_json import finding_document
from interlock.history.attestation_exchange import fetch, push
from interlock.history.change_trees import both_sides
from interlock.history.repository import GitRepository
from interlock.lifecycle.attest import Judged, attestation_of, judge_commit, sign_attestation
from interlock.lifecycle.judged_tree import top_repository
from interlock.lifecycle.repository_root import repository_root
from interlock.lifecycle.signing_key import signing_key

SCHEMA = "interlock-attest/1"
MOST_COMMITS = 1000
_STATUS = {"pass": exit_codes.CLEAN, "fail": exit_codes.FINDINGS, "unknown": exit_codes.COULD_NOT_EVALUATE}


@dataclass
class Outcome:
    """What came of it, commit by commit, oldest first."""

    status: int = exit_codes.CLEAN
    commits: list[dict[str, Any]] = field(default_factory=list)


@click.command(short_help="Sign the verdict on a merged commit, for the nodes.")
@click.argument("what", metavar="COMMIT|BASE..HEAD")
@click.option("--forge", "proposals", type=ADDRESS, multiple=True, help="Also count the reviews of this proposal.")
@artifacts_from_option
@key_option
@target_option
@fetch_option
@push_option
@json_option
@repository_option
def attest(
    what: str,
    proposals: tuple[ForgeAddress, ...],
    hosts: tuple[str, ...],
    key: Path | None,
    target: str | None,
    source: str | None,
    remote: str | None,
    as_json: bool,
    directory: Path,
) -> int:
    """Judge COMMIT of the trusted branch (or each first-parent commit of BASE..HEAD), and sign that it passed.

    Makes the whole verdict anew, by the policies of its first parent, and counts the approvals: signed ones, and with
    --forge the reviews of the proposal that it merged (KIND:OWNER/NAME#NUMBER). Only what passes is attested, with the
    key of a machine that has the role attester there. The attestation is a SLSA verification summary in the ref
    refs/interlock/attestations; nodes fetch it together with the branch. What is attested already stays as it is.

    \b
    Exit status:
      0  attested, or it was already
      1  refused: a rule blocks it, or approvals are missing
      2  the command was called in a way that cannot work, for example with a key that is no attester's
      4  could not evaluate: a forge did not answer, somebody is not known, bytes are out of reach

    \b
    Examples:
      interlock attest HEAD --key /run/secrets/attester --push origin
      interlock attest HEAD --forge github:acme/adapters#12 --fetch origin --push origin
    """
    repository = top_repository(repository_root(directory))
    if source:
        fetch(repository.git, source, personally=True)
    commits = _commits(repository, what)
    outcome = Outcome()
    with signing_key(repository, key) as file, local_caches(elsewhere=open_elsewhere(hosts)) as caches:
        told = read_told(proposals)
        for commit in commits:
            outcome.status = _attest(repository, commit, target, told, file, caches, outcome, as_json)
            if outcome.status:
                break
    pushed = push(repository.git, remote) if remote and any(one["attestation"] for one in outcome.commits) else None
    if as_json:
        print_json({"schema": SCHEMA, "commits": outcome.commits, "pushed": pushed})
    elif pushed:
        say(f"Pushed to {remote}.")
    return outcome.status


def _commits(repository: GitRepository, what: str) -> list[str]:
    base, dots, head = what.partition("..")
    if not dots:
        return [repository.resolve(what)]
    if not base or not head or head.startswith("."):
        raise UsageError(f"{what!r} names no commits", expected="COMMIT, or BASE..HEAD")
    start = repository.resolve(base)
    found: list[str] = []
    for commit, _ in repository.first_parents(repository.resolve(head), MOST_COMMITS):
        if commit == start:
            return found[::-1]
        found.append(commit)
    raise UsageError(
        f"{base} is not among the last {MOST_COMMITS} first parents of {head}",
        expected="a commit of the same branch, which moves by first parents",
        remedy="run: git log --first-parent " + head,
    )


def _attest(
    repository: GitRepository,
    commit: str,
    target: str | None,
    told: Told,
    key: Path,
    caches: CheckCaches,
    outcome: Outcome,
    as_json: bool,
) -> int:
    """Judge one commit, and attest it if it passes; returns the exit status."""
    now = utc_now()
    try:
        decision = merged_decision(repository, commit, branch_ref(target or "main"))
        with both_sides(repository.git, decision.parent, commit) as (before, after):
            judged = judge_commit(repository, decision, before, after, now, _about(told, commit), caches)
            status = _STATUS[judged.status]
            if status and not as_json:
                tell(judged.result, after, Telling("text", (), f"interlock attest {commit[:12]}"))
    except HistoryError as error:
        warn(error_text(error))
        return exit_codes.COULD_NOT_EVALUATE
    entry = _entry(judged)
    outcome.commits.append(entry)
    if status:
        _refused(judged, commit, as_json)
        return status
    known = judged.gathered.attestations
    if known:
        entry["attestation"], entry["new"] = known[0].name, False
    else:
        attestation = attestation_of(judged, now, told)
        entry["attestation"], _ = sign_attestation(repository, judged, attestation, key, now)
        entry["new"] = True
    if not as_json:
        say(f"{commit[:12]} {'is attested' if entry['new'] else 'was attested already'}: {readable(entry['quorum'])}")
    return exit_codes.CLEAN


def _about(told: Told, commit: str) -> Told:
    """What a forge told about the proposals that became this commit, or that it does not know to be merged yet."""
    ours = tuple(one for one in told.proposals if one.merged_commit in (None, commit))
    return Told(ours, told.forge if ours else "", told.unread)


def _refused(judged: Judged, commit: str, as_json: bool) -> None:
    if as_json:
        return
    if judged.result.verdict is Verdict.PASS:  # an emergency lets it in, and is not attested
        for sentence in judged.lacking:
            warn(f"  {readable(sentence)}")
    warn(f"error: {commit[:12]} is not attested")


def _entry(judged: Judged) -> dict[str, Any]:
    """One commit for `--json`."""
    return {
        "commit": judged.decision.commit,
        "tree": judged.decision.tree,
        "verdict": judged.result.verdict.value,
        "quorum": "; ".join(f"{one.what}: {quorum.status}" for one, quorum in judged.answers) or "no approvals needed",
        "lacking": list(judged.lacking),
        "findings": [finding_document(finding) for finding in judged.result.findings],
        "attestation": None,
        "new": False,
    }
