"""One immutable revision of a base model: what adapters are judged against."""

from typing import Literal

from pydantic import Field

from interlock.documents.fields import ArtifactUri, DigestField, Document, Many, Name, Positive, RevisionName, Text
from interlock.documents.kinds.adapter_revision import ArtifactFile, BaseReference, Dtype, Fingerprinted, Quantization


class BaseSource(Document):
    """Where the weights come from: a hub repository at a commit, or files of this repository at `uri`."""

    repository: Text | None = None
    commit: Text | None = Field(default=None, pattern=r"^[0-9a-f]{40}$")
    uri: ArtifactUri | None = None


class BaseConfig(Document):
    """The shape of the model; field names are those of the Hugging Face `config.json`."""

    architecture: Text
    hidden_size: Positive
    num_hidden_layers: Positive
    num_attention_heads: Positive
    num_key_value_heads: Positive
    head_dim: Positive | None = None
    intermediate_size: Positive
    vocab_size: Positive
    dtype: Dtype


class BaseModule(Document):
    """Linear or embedding modules of one shape: `name` has `*` for the layer number, `shape` is [out, in] features."""

    name: Text
    layers: Positive | None = None
    shape: Many[Positive] = Field(min_length=2, max_length=2)


class Trigger(Document):
    """The measured business reason for a merge."""

    metric: Name
    threshold: float
    observed: float
    decided_by: Text


class Pedigree(Document):
    """Where the model comes from: a foundation model, or an adapter merged into a base."""

    kind: Literal["foundation", "merge"]
    base: BaseReference | None = None
    adapter: BaseReference | None = None
    trigger: Trigger | None = None


class BaseRevision(Document):
    """`bases/<name>/<revision>.yaml`. `digest` is over config, tokenizer, template and the list of weight digests."""

    kind: Literal["BaseRevision"]
    name: Name
    revision: RevisionName
    source: BaseSource
    digest: DigestField
    files: Many[ArtifactFile] = ()
    config: BaseConfig
    modules: Many[BaseModule] = ()
    tokenizer: Fingerprinted
    chat_template: Fingerprinted | None = None
    quantization: Quantization | None = None
    pedigree: Pedigree
    license: Text
