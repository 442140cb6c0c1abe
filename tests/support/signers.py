"""People and machines with real SSH keys, and a roster that knows them.

team = Team.make(tmp_path / "keys")
repository.write("policies/roster.yaml", team.roster())
interlock("approve", "main..proposal", "--yes", "--key", team.key("bob"), "-C", repository.root)
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROLES = {
    "alice": ["trainer"],
    "bob": ["validator"],
    "carol": ["operator", "incident-commander"],
    "dave": ["validator", "operator"],
}
MACHINES = {"trainer-ci": ["builder"], "check-ci": ["attester"]}


@dataclass
class Team:
    """The keys of everybody, in a directory; `dave` is a person like any other, `mallory` is in no roster."""

    directory: Path
    made: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def make(cls, directory: Path) -> Team:
        """A team whose keys are made when they are asked for."""
        directory.mkdir(parents=True, exist_ok=True)
        return cls(directory)

    def key(self, name: str) -> Path:
        """The private key of somebody; its public half is beside it, as `.pub`."""
        if name not in self.made:
            path = self.directory / name
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{name}@example.com", "-f", str(path)]
            subprocess.run(words, check=True, stdin=subprocess.DEVNULL, timeout=30)
            self.made[name] = path
        return self.made[name]

    def public(self, name: str) -> str:
        """The public key of somebody, in one line."""
        return self.key(name).with_suffix(".pub").read_text(encoding="ascii").strip()

    def fingerprint(self, name: str) -> str:
        """The fingerprint of somebody's key, as `ssh-keygen -l` prints it."""
        words = ["ssh-keygen", "-l", "-f", str(self.key(name))]
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=30).stdout.split()[1]

    def roster(self, *without: str) -> dict[str, Any]:
        """The roster of everybody but these."""
        people = [
            {
                "login": name,
                "id": 1001 + index,
                "emails": [f"{name}@example.com"],
                "keys": [self.public(name)],
                "roles": roles,
            }
            for index, (name, roles) in enumerate(ROLES.items())
            if name not in without
        ]
        machines = [
            {"name": name, "keys": [self.public(name)], "roles": roles}
            for name, roles in MACHINES.items()
            if name not in without
        ]
        return {"kind": "Roster", "people": people, "machines": machines}
