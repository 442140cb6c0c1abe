"""`interlock register base`: the directory of a base model becomes an immutable base revision in the repository."""

from __future__ import annotations

from pathlib import Path

import click

from interlock.cli import exit_codes
from interlock.cli.options import COMMIT, DIRECTORY, NAME, REVISION, json_option, repository_option
from interlock.cli.progress import progress_bar
from interlock.cli.terminal import print_json, say, tell_next
from interlock.documents.identifiers import RevisionId
from interlock.errors import UsageError
from interlock.lifecycle.register_base import BaseRegistration, PlannedBase, plan_base
from interlock.lifecycle.repository_root import repository_root
from interlock.lifecycle.write_records import write_base

SCHEMA = "interlock-register/1"


@click.command(short_help="Record a base model from its directory.")
@click.argument("source", type=DIRECTORY, metavar="DIR")
@click.option("--name", type=NAME, required=True, help="The name of the base.")
@click.option("--revision", type=REVISION, required=True, metavar="R", help="A revision that is not there yet.")
@click.option("--license", "license_", required=True, metavar="L", help="The licence, as its model card names it.")
@click.option("--repository", metavar="ORG/MODEL", help="The hub repository that the files come from.")
@click.option("--commit", type=COMMIT, metavar="SHA", help="Its commit, 40 digits.")
@click.option("--copy", is_flag=True, help="Keep the bytes in this repository, in artifacts/ (small bases only).")
@click.option(
    "--for", "environments", type=NAME, multiple=True, metavar="ENV", help="Let ENV serve it; may be repeated."
)
@json_option
@repository_option
def base(
    source: Path,
    name: str,
    revision: str,
    license_: str,
    repository: str | None,
    commit: str | None,
    copy: bool,
    environments: tuple[str, ...],
    as_json: bool,
    directory: Path,
) -> int:
    """Record DIR, a base model as Hugging Face lays it out, as revision R of a base.

    Writes bases/NAME/R.yaml with the model's shape, the digests of all files, and fingerprints: the token ids that the
    tokenizer and the chat template give for fixed probes, so that a node can prove that it serves the same ones. Every
    weight file is read once. Needs the extra 'tokenizer' (the package transformers).

    \b
    Examples:
      interlock register base ~/models/llama-8b --name llama-8b --revision 1 --license llama3.1 \\
          --repository meta-llama/Llama-3.1-8B-Instruct --commit 0e9e39f249a16976918f6564b8830bc894c89659
      interlock register base ./tiny --name tiny --revision 1 --license apache-2.0 --copy --for dev
    """
    if (repository is None) != (commit is None):
        raise UsageError("--repository and --commit belong together", expected="both or neither")
    hub = (repository, commit) if repository and commit else None
    wanted = BaseRegistration(RevisionId(name, revision), license_, hub, copy, environments)
    root = repository_root(directory)
    with progress_bar(f"Reading {source}") as progress:
        plan = plan_base(root, source, wanted, progress)
    write_base(root, plan)
    if as_json:
        print_json(_document(plan))
    else:
        _tell(plan, wanted)
    return exit_codes.CLEAN


def _document(plan: PlannedBase) -> dict[str, object]:
    manifest = plan.manifest
    return {
        "schema": SCHEMA,
        "done": True,
        "kind": "BaseRevision",
        "name": manifest.name,
        "revision": manifest.revision,
        "digest": str(manifest.digest),
        "source": manifest.source.model_dump(mode="json", exclude_none=True),
        "size": plan.size,
        "written": plan.written,
    }


def _tell(plan: PlannedBase, wanted: BaseRegistration) -> None:
    manifest = plan.manifest
    say(f"Registered {wanted.base}: {manifest.config.architecture}, {len(manifest.files)} files, {plan.size} bytes")
    say(f"  digest: {manifest.digest}")
    for path in plan.written:
        say(f"  wrote:  {path}")
    if not wanted.environments:
        say(f'Name it where it is served: base: {{name: {manifest.name}, revision: "{manifest.revision}"}}')
        say("in environments/ENV/environment.yaml.")
    tell_next([f"git add -- {' '.join(plan.written)}", f'git commit -m "register: base {wanted.base}"'])
