"""Every error that Interlock raises on purpose, in one tree.

    InterlockError
    ├── UsageError              the command was called in a way that cannot work        exit 2
    ├── DocumentError           a document cannot be read at all (findings carry the rest)
    ├── ArtifactError           bytes are missing, wrong or dangerous
    │   ├── ArtifactMissing     a file or directory is not where it should be
    │   ├── ArtifactCorrupt     bytes are there and are not the promised ones
    │   ├── ArtifactUnreachable the place that holds the bytes did not answer: nothing is known
    │   │   ├── ArtifactArriving    bytes are on their way, and were left for a later time that continues
    │   │   └── RangeNotSupported   the place gives out whole files only: read again from the start
    │   └── StoreUnwritable     the node's own store takes no bytes: its disk is full or cannot be written
    ├── EvidenceError           a statement cannot be read: it counts as evidence of nothing
    ├── SignatureError          a signature, a key or what makes one
    │   ├── SignatureInvalid    it is no signature, or not over these bytes by this key: it counts for nobody
    │   └── SigningFailed       nothing was signed: no key, no answer, or a refusal
    ├── HistoryError            git refused, or what it returned cannot be trusted
    │   ├── RemoteUnreachable   the remote did not answer in time
    │   └── HistoryRewritten    the branch no longer contains the last accepted commit
    ├── ForgeError              GitHub, GitLab, Forgejo: nothing is known of what people said there      exit 4
    │   ├── ForgeUnreachable    no answer, not in time, or "later" too often
    │   ├── ForgeRefused        the forge answered with a refusal
    │   └── ForgeMisbehaved     the forge answered something that its interface does not allow
    ├── NodeError               what the agent of a node elsewhere says is not known                   exit 4
    └── EngineError             the serving engine
        ├── EngineUnreachable   no answer, or not in time
        ├── EngineRefused       the engine answered with a reason
        └── EngineMisbehaved    the engine answered something that its interface does not allow

Each one says what was found, what was expected and which command to run next; the command line prints exactly that.
A finding (findings/finding.py) is about a document in a repository; an error is about an operation that failed.
"""

from __future__ import annotations


class InterlockError(Exception):
    """An operation failed for a reason that a person can act on.

    `found` says what was seen and where, `expected` what should have been there (may be empty), and `remedy` the
    next command or action (may be empty).
    """

    def __init__(self, found: str, *, expected: str = "", remedy: str = "") -> None:
        super().__init__(found)
        self.found = found
        self.expected = expected
        self.remedy = remedy

    def __str__(self) -> str:
        parts = [self.found]
        if self.expected:
            parts.append(f"Expected: {self.expected}")
        if self.remedy:
            parts.append(f"Next: {self.remedy}")
        return "\n".join(parts)


class UsageError(InterlockError):
    """The command was called in a way that cannot work."""


class DocumentError(InterlockError):
    """A document cannot be read at all."""


class ArtifactError(InterlockError):
    """The bytes of an adapter or a base are not usable."""


class ArtifactMissing(ArtifactError):
    """A file or directory is not where it should be."""


class ArtifactCorrupt(ArtifactError):
    """The bytes are there and are not the promised ones, or are dangerous to read."""


class ArtifactUnreachable(ArtifactError):
    """The place that holds the bytes did not answer, so nothing is known about them."""


class ArtifactArriving(ArtifactUnreachable):
    """The bytes are on their way, and were left for a later time that continues from here."""


class RangeNotSupported(ArtifactUnreachable):
    """The place that holds the bytes gives out whole files only: read the file again from its start."""


class StoreUnwritable(ArtifactError):
    """The node's own store takes no bytes: its disk is full or cannot be written. What is placed stays usable."""


class EvidenceError(InterlockError):
    """A file is no statement that can be read in one way only, so it is evidence of nothing."""


class SignatureError(InterlockError):
    """A signature cannot be made, read or believed."""


class SignatureInvalid(SignatureError):
    """It is no signature, or not over these bytes by this key, so it counts for nobody."""


class SigningFailed(SignatureError):
    """Nothing was signed."""


class HistoryError(InterlockError):
    """Git refused, or returned something that cannot be trusted."""


class RemoteUnreachable(HistoryError):
    """The git remote did not answer in time."""


class HistoryRewritten(HistoryError):
    """The branch no longer contains the last accepted commit."""


class ForgeError(InterlockError):
    """What people said on a forge is not known: whoever needs it could not evaluate."""


class ForgeUnreachable(ForgeError):
    """The forge did not answer, not in time, or asked to come back later more often than we do."""


class ForgeRefused(ForgeError):
    """The forge answered with a refusal; `status` is the HTTP status it used."""

    def __init__(self, found: str, *, status: int, expected: str = "", remedy: str = "") -> None:
        super().__init__(found, expected=expected, remedy=remedy)
        self.status = status


class ForgeMisbehaved(ForgeError):
    """The forge answered something that its own interface does not allow."""


class NodeError(InterlockError):
    """The agent of a node elsewhere did not answer, or answered what is no status: nothing is known of its node."""


class EngineError(InterlockError):
    """The serving engine could not do what was asked."""


class EngineUnreachable(EngineError):
    """The engine did not answer, or not in time."""


class EngineRefused(EngineError):
    """The engine answered with a refusal; `status` is the HTTP status it used."""

    def __init__(self, found: str, *, status: int, expected: str = "", remedy: str = "") -> None:
        super().__init__(found, expected=expected, remedy=remedy)
        self.status = status


class EngineMisbehaved(EngineError):
    """The engine answered something that its own interface does not allow."""
