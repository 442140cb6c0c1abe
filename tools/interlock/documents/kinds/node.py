"""The settings of one serving node. Not part of the repository: the operator keeps it on the node itself."""

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from interlock.documents.fields import ByteSize, CommitId, Document, Duration, FilePath, Many, Name, Text
from interlock.documents.kinds.receipts import NodeReceipts
from interlock.documents.kinds.sources import NodeSources
from interlock.documents.listening import is_loopback, listen_address
from interlock.documents.public_keys import public_key

EngineUrl = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$")]


class NodeRemote(Document):
    """The git remote that this node obeys. `token_file` holds a forge token; ssh keys come from the ssh settings.

    `timeout` is how long one transfer may take; nothing else is looked at meanwhile.
    Or a directory that another program keeps current, which shows neither signatures nor history.
    """

    url: Text | None = None
    directory: FilePath | None = None
    branch: Text = "main"
    poll: Duration = dt.timedelta(seconds=30)
    timeout: Duration = dt.timedelta(minutes=2)
    token_file: FilePath | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.url is None) == (self.directory is None):
            raise ValueError("expected either `url` or `directory`: one of them says what is to be served")
        if self.directory and {"branch", "timeout", "token_file"} & self.model_fields_set:
            raise ValueError(
                "expected no `branch`, `timeout` and `token_file` beside `directory`: they belong to a git remote"
            )
        return self


class NodeEngine(Document):
    """The engine beside the agent, the base directory that it serves, and how to be let in.

    `routing_url` is where `interlock gateway` answers, for engines that take no middleware; `adapters_directory` is the
    directory that the engine reads adapters from by itself (NIM, LoRAX).
    """

    kind: Literal["vllm", "embedded", "sglang", "lorax", "tgi", "nim"]
    url: EngineUrl
    routing_url: EngineUrl | None = None
    base_directory: FilePath | None = None
    adapters_directory: FilePath | None = None
    api_key_file: FilePath | None = None
    admin_key_file: FilePath | None = None
    admin_token_file: FilePath | None = None
    timeout: Duration = dt.timedelta(seconds=60)


def _pinned_key(text: str) -> str:
    public_key(text)
    return text


PinnedKey = Annotated[Text, AfterValidator(_pinned_key)]


class NodeRoot(Document):
    """Where this node's trust begins: one commit, or the keys of which a commit must be signed by one."""

    commit: CommitId | None = None
    keys: Annotated[Many[PinnedKey], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.commit is None) == (not self.keys):
            raise ValueError("expected either `commit` or `keys`: one of them is the root of trust")
        return self


class NodeDemands(Document):
    """What a new commit must bring along; what is not written is demanded as for a protected environment."""

    signatures: bool = True
    approval: Literal["either", "attestation", "approvals", "none"] = "either"


class NodeTrust(Document):
    """What this node demands of a commit before it applies it. Not part of the repository, so no commit changes it."""

    root: NodeRoot | None = None
    require: NodeDemands | None = None
    protected: Literal["verified", "unverified"] = "verified"

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.protected == "unverified" and (self.require or self.root):
            raise ValueError("expected no `root` and no `require` beside `protected: unverified`: it verifies nothing")
        return self


def _listen(text: str) -> str:
    listen_address(text)
    return text


class NodeHttp(Document):
    """Where the agent answers those who watch it; `hook_secret_file` lets a forge tell it of pushes."""

    listen: Annotated[Text, AfterValidator(_listen)] = "127.0.0.1:9187"
    public: bool = False
    hook_secret_file: FilePath | None = None
    token_file: FilePath | None = None
    longest_turn: Duration = dt.timedelta(minutes=15)

    @model_validator(mode="after")
    def _public_on_purpose(self) -> Self:
        if not self.public and not is_loopback(self.listen):
            raise ValueError("expected `public: true` beside an address that other machines can reach")
        return self


class NodeDisk(Document):
    """How much the store of verified bytes may take: at most `limit`, and never the last `free` of its disk."""

    limit: ByteSize | None = None
    free: ByteSize = 64 << 20


class NodeLazy(Document):
    """Adapters with `residency: lazy`: at most `max` of them are loaded at once, each until unused for `idle`."""

    max: Annotated[int, Field(strict=True, ge=1, le=100_000)] | None = None
    idle: Duration = dt.timedelta(minutes=30)


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
    drain_limit: Duration = dt.timedelta(minutes=10)
    lazy: NodeLazy = NodeLazy.model_construct()
    fresh_within: Duration | None = None
    disk: NodeDisk = NodeDisk.model_construct()
    trust: NodeTrust = NodeTrust.model_construct()
    sources: NodeSources = NodeSources.model_construct()
    receipts: NodeReceipts = NodeReceipts.model_construct()
    http: NodeHttp | None = None

    @model_validator(mode="after")
    def _what_can_be_verified(self) -> Self:
        if self.remote.directory and (self.trust.root or self.trust.require):
            raise ValueError(
                "expected no `trust.root` and no `trust.require` with `remote.directory`: it shows neither"
            )
        return self
