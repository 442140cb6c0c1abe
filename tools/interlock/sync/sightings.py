"""What was seen of a node by somebody who asked: its status and how old it is, or why there is none.

Made by `local_status.py` and `remote_status.py`, shown by `interlock status`. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from interlock.errors import InterlockError
from interlock.sync.status import Status


@dataclass(frozen=True, slots=True)
class Sighting:
    """One node, by the settings file or the address (`where`) at which it was asked.

    `age` is seconds since its agent last ended a turn. `stale` says in capitals why the status is believed no more,
    and is "" where it is. `error` says why there is no status.
    """

    where: str
    status: Status | None = None
    age: float = 0.0
    stale: str = ""
    error: InterlockError | None = None

    @property
    def known(self) -> bool:
        """Whether there is a status that is young enough to be believed."""
        return self.status is not None and not self.stale

    @property
    def ready(self) -> bool:
        """Whether the node is known to serve what git says."""
        return self.known and self.status is not None and self.status.condition("Ready").status == "True"
