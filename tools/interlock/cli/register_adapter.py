"""`interlock register adapter`: an adapter's directory becomes an immutable revision in the repository."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import click

from interlock.cli.findings_report import Refusal, finding_documents, status_of, tell_refusal, tell_warnings
from interlock.cli.options import AT_REVISION, COMMIT, DIRECTORY, NAME, REVISION, json_option, repository_option
from interlock.cli.progress import progress_bar
from interlock.cli.terminal import print_json, say, tell_next
from interlock.documents.identifiers import RevisionId
from interlock.documents.kinds.adapter_revision import Source
from interlock.documents.layout import adapter_path
from interlock.errors import UsageError
from interlock.lifecycle.adapter_owner import Owner, placeholders
from interlock.lifecycle.dataset_argument import read_dataset
from interlock.lifecycle.register_adapter import AdapterRegistration, PlannedRevision, Scalar, plan_revision
from interlock.lifecycle.repository_root import repository_root
from interlock.lifecycle.write_records import write_revision

SCHEMA = "interlock-register/1"


@click.command(short_help="Record an adapter from its directory.")
@click.argument("source", type=DIRECTORY, metavar="DIR")
@click.option("--adapter", "name", type=NAME, required=True, metavar="NAME", help="The adapter that clients ask for.")
@click.option("--revision", type=REVISION, required=True, metavar="N", help="A revision that is not there yet.")
@click.option("--base", type=AT_REVISION, required=True, help="The registered base that it was trained on.")
@click.option("--uri", metavar="URI", help="Where nodes find the bytes, for example s3://adapters/bot-7.")
@click.option("--not-there-yet", is_flag=True, help="Record --uri without comparing what lies there.")
@click.option("--copy", is_flag=True, help="Keep the bytes in this repository, in artifacts/.")
@click.option("--builder", type=NAME, default="local", show_default=True, help="Who made the bytes (policies/roster).")
@click.option(
    "--sign",
    type=click.Path(path_type=Path),
    metavar="KEY",
    help="Sign the files with the builder's private key (ECDSA); the signature goes beside them as model.sig.",
)
@click.option("--recipe", metavar="PATH", help="The training recipe, a file of this repository.")
@click.option("--source-repository", metavar="URL", help="The repository of the training code.")
@click.option("--source-commit", type=COMMIT, metavar="SHA", help="The commit of the training code, 40 digits.")
@click.option("--seed", "seeds", type=int, multiple=True, metavar="N", help="A training seed; may be repeated.")
@click.option(
    "--hyperparameter", "settings", multiple=True, metavar="KEY=VALUE", help="A training setting; may be repeated."
)
@click.option(
    "--dataset",
    "datasets",
    multiple=True,
    metavar="KEY=VALUE,…",
    help="Data it learned from: file=PATH or name=…,digest=…; license=…; window, expires, corpora, filters. "
    "Only the digest of a file is recorded. May be repeated.",
)
@click.option("--previous", type=REVISION, metavar="N", help="The revision that this one improves on.")
@click.option("--anchor", type=REVISION, metavar="N", help="The last revision that people ratified end to end.")
@click.option("--license", "license_", metavar="L", help="The licence of the adapter, as SPDX or the hub spells it.")
@click.option("--release-notes", metavar="PATH", help="The notes, a file of this repository.")
@click.option("--description", metavar="TEXT", help="What the adapter is for (first revision only, like those below).")
@click.option("--team", type=NAME, help="The owning team.")
@click.option("--contact", metavar="TEXT", help="Where the team is reached.")
@click.option("--escalation", metavar="TEXT", help="Where to call at night.")
@click.option(
    "--risk",
    "tier",
    type=click.Choice(["low", "medium", "high"]),
    default="medium",
    show_default=True,
    help="How much can go wrong: decides which evidence a promotion needs.",
)
@json_option
@repository_option
def adapter(
    source: Path,
    name: str,
    revision: str,
    base: RevisionId,
    as_json: bool,
    directory: Path,
    **rest: Any,
) -> int:
    """Record DIR, an adapter as PEFT saves it, as revision N of an adapter.

    Writes adapters/NAME/revisions/N.yaml with everything that the bytes tell: files, sizes, digests, PEFT settings,
    type of the tensors. For a first revision it also writes adapters/NAME/adapter.yaml with the owners. The adapter is
    judged against the base's modules first: one that cannot fit is refused, and nothing is written.

    Bytes outside this repository are recorded under their path on this machine, unless --uri or --copy is given. An
    https:, s3:, oci: or hf: address must hold the same files already: they are read from there and compared.
    A signature of OpenSSF model-signing that lies beside the files (model.sig) is recorded; --sign makes one.

    \b
    Examples:
      interlock register adapter ~/runs/bot-7 --adapter support-bot --revision 7 --base llama-8b@1 --copy
      interlock register adapter ~/runs/bot-8 --adapter support-bot --revision 8 --base llama-8b@1 \\
          --previous 7 --seed 17 --recipe adapters/support-bot/recipes/8.yaml \\
          --dataset file=train.jsonl,license=internal,window=2026-07-01/2026-09-30 --uri file:///srv/bot-8
      interlock register adapter out/bot-9 --adapter support-bot --revision 9 --base llama-8b@1 --copy \\
          --builder trainer-ci --sign /run/secrets/weights.key
    """
    root = repository_root(directory)
    wanted = _registration(RevisionId(name, revision), base, rest)
    with progress_bar(f"Reading {source}") as progress:
        plan = plan_revision(root, source, wanted, dt.datetime.now(dt.UTC).date(), progress)
    if not plan.refusals and not rest["not_there_yet"]:
        _compare_with_there(plan)
    if not plan.refusals:
        write_revision(root, plan)
    if as_json:
        print_json(_document(plan))
    else:
        _tell(plan, wanted)
    return status_of(plan.refusals)


def _compare_with_there(plan: PlannedRevision) -> None:
    artifact = plan.manifest.artifact
    if artifact.uri.startswith("file:"):
        return
    from interlock.artifacts.sources import open_beyond
    from interlock.artifacts.sources.settings import access_from_environment
    from interlock.lifecycle.bytes_there import verify_bytes_there

    with progress_bar(f"Reading {artifact.uri}") as progress:
        verify_bytes_there(artifact, open_beyond(artifact, access_from_environment()), progress)


def _registration(revision: RevisionId, base: RevisionId, rest: dict[str, Any]) -> AdapterRegistration:
    repository, commit = rest["source_repository"], rest["source_commit"]
    if (repository is None) != (commit is None):
        raise UsageError("--source-repository and --source-commit belong together", expected="both or neither")
    return AdapterRegistration(
        revision=revision,
        base=base,
        builder=rest["builder"],
        uri=rest["uri"],
        copy=rest["copy"],
        recipe=rest["recipe"],
        source=Source(repository=repository, commit=commit) if repository else None,
        seeds=rest["seeds"],
        hyperparameters=dict(_setting(text) for text in rest["settings"]),
        datasets=tuple(read_dataset(text) for text in rest["datasets"]),
        previous=rest["previous"],
        anchor=rest["anchor"],
        license=rest["license_"],
        release_notes=rest["release_notes"],
        sign=rest["sign"],
        owner=Owner(rest["description"], rest["team"], rest["contact"], rest["escalation"], rest["tier"]),
    )


def _setting(text: str) -> tuple[str, Scalar]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"--hyperparameter {text!r} has no value", expected="KEY=VALUE, for example epochs=3")
    try:
        parsed = json.loads(value)
    except ValueError:
        return key, value
    return key, parsed if isinstance(parsed, int | float | bool) else value


def _document(plan: PlannedRevision) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "done": not plan.refusals,
        "kind": "AdapterRevision",
        "adapter": plan.manifest.adapter,
        "revision": plan.manifest.revision,
        "served_name": str(plan.served_name),
        "digest": str(plan.manifest.artifact.digest),
        "uri": plan.manifest.artifact.uri,
        "size": plan.manifest.artifact.size,
        "signed_by": plan.signature.fingerprint or None if plan.signature else None,
        "written": [] if plan.refusals else plan.written,
        "refused": sorted({finding.rule for finding in plan.refusals}),
        "findings": finding_documents(plan.refusals),
        "warnings": finding_documents(plan.warnings),
    }


def _tell(plan: PlannedRevision, wanted: AdapterRegistration) -> None:
    revision, base = wanted.revision, wanted.base
    if plan.refusals:
        refusal = Refusal(plan.refusals, plan.proposed.label, None, len(plan.files), 1)
        tell_refusal(refusal, plan.proposed, f"{revision} on {base}")
        return
    artifact = plan.manifest.artifact
    say(f"Registered {revision} on {base}: {len(artifact.files)} files, {artifact.size} bytes, {artifact.digest}")
    say(f"  served as: {plan.served_name}")
    say(f"  bytes at:  {artifact.uri}")
    _tell_signature(plan)
    for path in plan.written:
        say(f"  wrote:     {path}")
    tell_warnings(plan.warnings)
    if missing := placeholders(wanted.owner) if adapter_path(revision.adapter) in plan.files else ():
        say(f"Please fill in {', '.join(missing)} in {adapter_path(revision.adapter)}.")
    tell_next([f"git add -- {' '.join(plan.written)}", f'git commit -m "register: {revision}"'])


def _tell_signature(plan: PlannedRevision) -> None:
    recorded, signature = plan.manifest.artifact.signature, plan.signature
    if recorded is None or signature is None:
        return
    if not signature.key:
        say(f"  signature: {recorded.path}, as it lay beside the files, recorded as that of {recorded.signer}")
        return
    say(f"  signed by: {recorded.signer}, with the key {signature.fingerprint}")
    say(f"  its key for policies/roster.yaml: {signature.key}")
