"""Which nodes `interlock status` is about: settings files and addresses, given one by one or listed in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from interlock.artifacts.durable import read_bounded
from interlock.errors import UsageError
from interlock.sync.local_status import seen_on_disk
from interlock.sync.sightings import Sighting

MAX_LIST_BYTES = 4 << 20
MAX_NODES = 20_000


@dataclass(frozen=True, slots=True)
class Asked:
    """Nodes in the order in which they were named: a settings file, or an address."""

    nodes: tuple[Path | str, ...]

    def seen(self, *, token: str, deadline: float) -> list[Sighting]:
        """Ask all of them."""
        addresses = [node for node in self.nodes if isinstance(node, str)]
        elsewhere: dict[str, Sighting] = {}
        if addresses:
            from interlock.sync.remote_status import seen_elsewhere  # a node on this machine needs no HTTP

            unique = list(dict.fromkeys(addresses))
            elsewhere = {one.where: one for one in seen_elsewhere(unique, token=token, deadline=deadline)}
        return [elsewhere[node] if isinstance(node, str) else seen_on_disk(node) for node in self.nodes]


def asked(files: Sequence[Path], addresses: Sequence[str], lists: Sequence[Path]) -> Asked:
    """The nodes of a command line.

    Raises:
        UsageError: none is named, or a list cannot be read.
    """
    named: list[Path | str] = [*files, *addresses]
    for one in lists:
        named += _listed(one)
    if not named:
        raise UsageError("no node is named", remedy="give --node FILE, --url http://HOST:PORT, or --nodes FILE")
    if len(named) > MAX_NODES:
        raise UsageError(f"{len(named)} nodes are named", expected=f"at most {MAX_NODES} at once")
    return Asked(tuple(named))


def _listed(path: Path) -> list[Path | str]:
    from interlock.sync.remote_status import node_address

    data = read_bounded(path, limit=MAX_LIST_BYTES)
    if data is None:
        raise UsageError(f"there is no file {path}", expected="a list of nodes, one a line")
    found: list[Path | str] = []
    for number, line in enumerate(data.decode("utf-8", errors="replace").splitlines(), 1):
        text = line.partition("#")[0].strip()
        try:
            if text:
                found.append(node_address(text) if "://" in text else path.parent / text)
        except ValueError as error:
            raise UsageError(f"{path}:{number}: {error}") from error
    return found
