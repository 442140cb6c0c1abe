"""The part of a node's settings that is about the record of what it served."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from interlock.documents.fields import Document, Duration, FilePath, Many, Text

_RECEIVER = r"^(https://[A-Za-z0-9.:\[\]-]+|http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?)(/[!-~]*)?$"
"""Plain http only to this machine itself: receipts and their token pass nobody else."""


class ReceiptPush(Document):
    """One place that receipts are copied to; `token_file` holds what `url` or `git` asks for."""

    directory: FilePath | None = None
    url: Annotated[str, Field(pattern=_RECEIVER)] | None = None
    git: Text | None = None
    token_file: FilePath | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(place is not None for place in (self.directory, self.url, self.git)) != 1:
            raise ValueError("expected either `directory` or `url` or `git`: each place is an entry of its own")
        if self.directory and self.token_file:
            raise ValueError("expected no `token_file` beside `directory`")
        return self


class NodeReceipts(Document):
    """The signed record of what this node served. Without `key_file` it is written all the same, and not signed."""

    key_file: FilePath | None = None
    confirm: Duration | None = None
    push: Annotated[Many[ReceiptPush], Field(max_length=8)] = ()
