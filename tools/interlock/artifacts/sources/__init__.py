"""Where the bytes of an artifact come from: one module for each kind of address, behind one Protocol and one registry.

Called by the checker, by register and by the agent, which hand the result to `ArtifactStore.place`. Importing it is
cheap: what needs the network or a package of an extra is imported when such an address is opened.
"""

from interlock.artifacts.sources.access import SourceAccess
from interlock.artifacts.sources.files import UNKNOWN_SIZE, ArtifactFiles
from interlock.artifacts.sources.local import DirectoryFiles, TreeFiles
from interlock.artifacts.sources.registry import open_beyond, open_source
from interlock.errors import RangeNotSupported

__all__ = [
    "UNKNOWN_SIZE",
    "ArtifactFiles",
    "DirectoryFiles",
    "RangeNotSupported",
    "SourceAccess",
    "TreeFiles",
    "open_beyond",
    "open_source",
]
