"""`interlock inspect`: what a revision, an adapter, a base, an environment or a directory is."""

from __future__ import annotations

from pathlib import Path

import click

from interlock.checking.fact_cache import Elsewhere, FactCache
from interlock.checking.gather import gather
from interlock.cli import exit_codes
from interlock.cli.artifacts_from import artifacts_from_option, open_elsewhere
from interlock.cli.options import json_option, repository_option
from interlock.cli.outline import outline
from interlock.cli.progress import progress_bar
from interlock.cli.terminal import print_json, say
from interlock.documents.identifiers import InvalidIdentifier, RevisionId, adapter_name, revision_name
from interlock.documents.snapshot import Snapshot, read_snapshot
from interlock.documents.tree import WorkingTree
from interlock.errors import UsageError
from interlock.lifecycle.inspected_directory import describe_directory_of
from interlock.lifecycle.inspection import (
    Description,
    describe_adapter,
    describe_base,
    describe_environment,
    describe_revision,
)
from interlock.lifecycle.repository_root import repository_root
from interlock.lifecycle.rollback import ways_back
from interlock.rules.registry import judge

SCHEMA = "interlock-inspect/1"


@click.command(short_help="Show what a revision, directory or environment is.")
@click.argument("what", metavar="WHAT")
@artifacts_from_option
@json_option
@repository_option
def inspect(what: str, hosts: tuple[str, ...], as_json: bool, directory: Path) -> int:
    """Show what WHAT is: ADAPTER@REVISION, BASE@REVISION, an environment, an adapter, or a directory of files.

    A revision is shown with its bytes, settings, tensors, findings and the environments that serve it; an environment
    with what it serves and where a rollback would go; a directory with the digest that it would be registered under.

    \b
    Examples:
      interlock inspect support-bot@7
      interlock inspect production
      interlock inspect ./runs/bot-8 --json
    """
    description = _described(what, directory, open_elsewhere(hosts))
    if as_json:
        print_json({"schema": SCHEMA, **description})
    else:
        for line in outline(description):
            say(line)
    return exit_codes.CLEAN


def _described(what: str, directory: Path, elsewhere: Elsewhere | None) -> Description:
    path = Path(what)
    try:
        root = repository_root(directory)
    except UsageError:
        if path.is_dir():
            return _directory(path, None)
        raise
    tree = WorkingTree(root)
    snapshot = read_snapshot(tree)
    if "@" in what and not path.is_dir():
        return _at_revision(what, tree, snapshot, elsewhere)
    if what in snapshot.environments:
        return describe_environment(snapshot, what, ways_back(root, snapshot))
    if what in snapshot.adapters or any(key.adapter == what for key in snapshot.revisions):
        return describe_adapter(snapshot, what)
    if path.is_dir():
        return _directory(path, snapshot)
    names = ", ".join([*snapshot.environments, *snapshot.adapters]) or "none"
    raise UsageError(
        f"there is no environment, adapter or directory called {what}",
        expected=f"ADAPTER@REVISION, BASE@REVISION, a directory, or one of: {names}",
    )


def _directory(path: Path, snapshot: Snapshot | None) -> Description:
    with progress_bar(f"Reading {path}") as progress:
        return describe_directory_of(path, snapshot, progress)


def _at_revision(what: str, tree: WorkingTree, snapshot: Snapshot, elsewhere: Elsewhere | None) -> Description:
    try:
        name, revision = adapter_name(what.partition("@")[0]), revision_name(what.partition("@")[2])
    except InvalidIdentifier as error:
        raise UsageError(str(error), expected="ADAPTER@REVISION or BASE@REVISION, for example support-bot@7") from error
    if (name, revision) in snapshot.bases or any(base == name for base, _ in snapshot.bases):
        return describe_base(snapshot, name, revision)
    identity = RevisionId(name, revision)
    facts = gather(tree, snapshot, only={identity}, cache=FactCache(elsewhere))
    located = snapshot.revisions.get(identity)
    findings = [finding for finding in judge(facts) if located and finding.place.path == located.path]
    return describe_revision(snapshot, identity, facts.artifacts.get(identity), findings)
