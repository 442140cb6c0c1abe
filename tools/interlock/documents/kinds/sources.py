"""How artifacts beyond this machine may be reached: the section `sources:` of a node, or a file of its own.

Not part of the repository: whoever proposes a change must not decide which hosts are asked, and with which login.
"""

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from interlock.documents.addresses import HOST
from interlock.documents.fields import Document, Duration, FilePath, Many, Text, artifact_uri

HostAndPort = Annotated[str, Field(max_length=300, pattern=rf"^{HOST}$")]
HostPattern = Annotated[str, Field(max_length=300, pattern=rf"^(?:\*\.)?{HOST}$")]
Variable = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]{0,99}$")]


def _base_url(text: str) -> str:
    scheme, _, rest = text.partition("://")
    local = rest.partition("/")[0].rpartition(":")[0] in ("localhost", "127.0.0.1", "[::1]")
    if "@" in rest or "?" in rest or "#" in rest or not (scheme == "https" or (scheme == "http" and local)):
        raise ValueError(
            "expected an address such as https://host without a user or a query; http: for this machine only"
        )
    return text


HubUrl = Annotated[
    str, Field(max_length=500, pattern=rf"^https?://{HOST}(?:/[A-Za-z0-9._/-]*)?$"), AfterValidator(_base_url)
]
S3Url = Annotated[str, Field(max_length=300, pattern=rf"^https?://{HOST}/?$")]


def _archive(text: str) -> str:
    if not text.startswith(("file:///", "https://", "s3://")):
        raise ValueError("expected an address that begins with file:///, https:// or s3://")
    return artifact_uri(text)


ArchiveUri = Annotated[str, Field(max_length=500, pattern=r"^(file:///|https://|s3://)."), AfterValidator(_archive)]


class SourceLogin(Document):
    """What one host asks for: a user with a password, or a token alone; from a file or an environment variable."""

    host: HostAndPort
    user: Text | None = None
    secret_file: FilePath | None = None
    secret_variable: Variable | None = None
    token_host: HostAndPort | None = None

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if (self.secret_file is None) == (self.secret_variable is None):
            raise ValueError("expected either `secret_file` or `secret_variable`: one place for the secret")
        return self


class SourceBuckets(Document):
    """Where buckets are, and with which keys; without keys those of AWS tools: environment, profile, role."""

    bucket: Text | None = None
    endpoint: S3Url | None = None
    region: Text | None = None
    addressing: Literal["path", "virtual"] = "path"
    anonymous: bool = False
    profile: Text | None = None
    key_id: Text | None = None
    secret_key_file: FilePath | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.key_id is None) != (self.secret_key_file is None):
            raise ValueError("expected `key_id` and `secret_key_file` together")
        if sum((self.anonymous, self.profile is not None, self.key_id is not None)) > 1:
            raise ValueError("expected one of `anonymous`, `profile` and `key_id`")
        return self


class SourceHub(Document):
    """A hub of models, and the token for its private repositories; without a file that in HF_TOKEN."""

    endpoint: HubUrl | None = None
    token_file: FilePath | None = None


class NodeSources(Document):
    """How artifacts beyond this machine may be reached; without it anonymously, or with what AWS tools would find."""

    connect: Duration = dt.timedelta(seconds=10)
    stall: Duration = dt.timedelta(seconds=30)
    deadline: Duration = dt.timedelta(minutes=30)
    ca_file: FilePath | None = None
    hosts: Annotated[Many[HostPattern], Field(min_length=1, max_length=1000)] | None = None
    plain_http: Many[HostAndPort] = ()
    https: Many[SourceLogin] = ()
    s3: Many[SourceBuckets] = ()
    oci: Many[SourceLogin] = ()
    hf: SourceHub = SourceHub.model_construct()
    archive: Annotated[Many[ArchiveUri], Field(max_length=100)] = ()


class Sources(NodeSources):
    """The same in a file of its own, which INTERLOCK_SOURCES names: for `interlock register` and `interlock check`."""

    kind: Literal["Sources"]
