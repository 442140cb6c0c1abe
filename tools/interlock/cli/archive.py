"""`interlock archive`: keep the bytes of a revision by their digest, so that their source may be given up."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from interlock.artifacts.archiving import archive_artifact
from interlock.artifacts.sources import open_source
from interlock.artifacts.sources.settings import access_from_environment
from interlock.cli import exit_codes
from interlock.cli.options import AT_REVISION, json_option, repository_option
from interlock.cli.progress import progress_bar
from interlock.cli.terminal import print_json
from interlock.documents.identifiers import RevisionId
from interlock.documents.snapshot import read_snapshot
from interlock.documents.tree import WorkingTree
from interlock.errors import UsageError
from interlock.lifecycle.repository_root import repository_root

SCHEMA = "interlock-archive/1"


@click.command(short_help="Keep the bytes of a revision, to give up their source.")
@click.argument("revision", type=AT_REVISION, metavar="ADAPTER@REVISION")
@click.option(
    "--to",
    "archive_directory",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The archive: a directory that is made if it is not there.",
)
@click.option("--plain", is_flag=True, help="Keep the files as they are, without compressing them.")
@json_option
@repository_option
def archive(revision: RevisionId, archive_directory: Path, plain: bool, as_json: bool, directory: Path) -> int:
    """Keep the bytes of ADAPTER@REVISION in DIR, named by their digest and compressed with zstd.

    The bytes are read from the address in the manifest, compared with it, written, and read back. DIR may be put on a
    web server or into a bucket as it is. Nodes whose settings name it (`sources: {archive: [URI]}`) take from there
    what is not at its own address any more; the manifest stays as it is.

    \b
    Examples:
      interlock archive support-bot@3 --to /srv/adapter-archive
      interlock archive support-bot@3 --to archive && aws s3 sync archive s3://adapter-archive
    """
    root = repository_root(directory)
    tree = WorkingTree(root)
    located = read_snapshot(tree).revisions.get(revision)
    if located is None:
        raise UsageError(f"the repository has no revision {revision}", remedy="see them with: interlock inspect")
    if not plain and importlib.util.find_spec("zstandard") is None:
        remedy = "run: pip install 'interlock[archive]'   (or keep the files as they are with --plain)"
        raise UsageError("the package zstandard, which compresses, is not installed", remedy=remedy)
    artifact = located.document.artifact
    source = open_source(artifact, tree, access=access_from_environment())
    with progress_bar(f"Archiving {revision}") as progress:
        kept = archive_artifact(artifact, source, archive_directory, progress, compress=not plain)
    saved = 100 * (kept.size - kept.kept_size) / kept.size if kept.size else 0.0
    if as_json:
        print_json(
            {
                "schema": SCHEMA,
                "revision": str(revision),
                "digest": str(artifact.digest),
                "directory": str(kept.directory),
                "size": kept.size,
                "kept_size": kept.kept_size,
                "fresh": kept.fresh,
            }
        )
    else:
        how = "kept" if kept.fresh else "was kept already, and is intact,"
        click.echo(f"{revision} {how} in {kept.directory}: {kept.size} bytes in {kept.kept_size} ({saved:.0f} % saved)")
    return exit_codes.CLEAN
