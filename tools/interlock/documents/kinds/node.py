"""The settings of one serving node. Not part of the repository: the operator keeps it on the node itself."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from interlock.documents.fields import Document, Duration, Name, Text

FilePath = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00-\x1f]+$")]


class NodeRemote(Document):
    """The git remote that this node obeys. `token_file` holds a forge token; ssh keys come from the ssh settings."""

    url: Text
    branch: Text = "main"
    poll: Duration = dt.timedelta(seconds=30)
    token_file: FilePath | None = None


class NodeEngine(Document):
    """The engine beside the agent, the base directory that it serves, and how to be let in."""

    kind: Literal["vllm", "embedded"]
    url: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$")]
    base_directory: FilePath | None = None
    api_key_file: FilePath | None = None
    admin_token_file: FilePath | None = None
    timeout: Duration = dt.timedelta(seconds=60)


class Node(Document):
    """`interlock sync --node FILE`; relative paths start at the directory of that file."""

    kind: Literal["Node"]
    name: Name
    environment: Name
    remote: NodeRemote
    engine: NodeEngine
    state: FilePath = "state"
    store: FilePath | None = None
    routes: FilePath | None = None
    drain: Duration = dt.timedelta(seconds=30)
