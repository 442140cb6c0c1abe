"""One immutable revision of an adapter: its bytes, how they were made, from what, and what they fit."""

from typing import Literal

from pydantic import Field

from interlock.documents.fields import (
    ArtifactUri,
    Bytes,
    CommitId,
    Date,
    DigestField,
    Document,
    FileName,
    Many,
    Name,
    RelativePath,
    RevisionName,
    Text,
    Window,
)

Dtype = Literal["float32", "float16", "bfloat16"]


class ArtifactFile(Document):
    """One file of the artifact; `size` in bytes."""

    path: FileName
    digest: DigestField
    size: Bytes


class Signature(Document):
    """A detached signature over the artifact and who made it."""

    format: Literal["openssf-model-signing"]
    path: FileName
    signer: Name


class Artifact(Document):
    """The bytes: where they are and what they must hash to. `digest` is over the sorted list of files."""

    uri: ArtifactUri
    digest: DigestField
    files: Many[ArtifactFile] = Field(min_length=1, max_length=1000)
    signature: Signature | None = None

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


class PeftSettings(Document):
    """The PEFT settings that must equal `adapter_config.json` and the tensors; field names are PEFT's own."""

    peft_type: Literal["LORA"]
    r: int = Field(ge=1, le=4096)
    lora_alpha: float = Field(gt=0)
    use_rslora: bool = False
    use_dora: bool = False
    bias: Literal["none", "all", "lora_only"] = "none"
    modules_to_save: Many[Text] | None = None
    target_modules: Many[Text] | Text
    rank_pattern: dict[str, int] = {}
    alpha_pattern: dict[str, float] = {}
    dtype: Dtype


class BaseReference(Document):
    """One base revision."""

    name: Name
    revision: RevisionName


class Fingerprinted(Document):
    """A file set (`digest`) and how it behaves on fixed probes (`fingerprint`: SHA-256 over the token ids)."""

    digest: DigestField
    fingerprint: DigestField


class Quantization(Document):
    """How the weights are quantized, and the digest of that configuration."""

    method: Name
    digest: DigestField


class TrainedOn(BaseReference):
    """The base revision that the adapter was trained on, and what the training saw of it where that is known."""

    digest: DigestField | None = None
    tokenizer: Fingerprinted | None = None
    chat_template: Fingerprinted | None = None
    quantization: Quantization | None = None

    @property
    def reference(self) -> BaseReference:
        """The base revision alone."""
        return BaseReference(name=self.name, revision=self.revision)


class Recipe(Document):
    """The training recipe in the repository and its digest."""

    path: RelativePath
    digest: DigestField


class Source(Document):
    """The code that trained the adapter."""

    repository: Text
    commit: CommitId


class Provenance(Document):
    """How the bytes were made (SLSA: builder, resolved dependencies, parameters)."""

    builder: Name
    recipe: Recipe | None = None
    source: Source | None = None
    seeds: Many[int] = ()
    hyperparameters: dict[str, float | int | str | bool] = {}


class Dataset(Document):
    """Data that the adapter learned from: identified, scoped in time, licensed; never embedded."""

    name: Name
    digest: DigestField
    corpora: Many[Text] = ()
    window: Window | None = None
    filters: Many[Text] = ()
    license: Text
    expires: Date | None = None


class Lineage(Document):
    """The revision this one came after, and the last one that people ratified end to end."""

    previous: RevisionName | None = None
    anchor: RevisionName | None = None


class Bias(Document):
    """The assessment of bias: where it is written, which groups it looked at, what it concluded."""

    assessment: Text
    groups: Many[Text] = ()
    verdict: Literal["acceptable", "conditional", "unacceptable"]


class RevisionRisk(Document):
    """What is known to be risky about this revision."""

    bias: Bias | None = None
    incidents: Many[Text] = ()


class Eeat(Document):
    """What stands behind published content: a sentence each, or the path of a file of this repository."""

    experience: Text | None = None
    expertise: Text | None = None
    authoritativeness: Text | None = None
    trustworthiness: Text | None = None


class AdapterRevision(Document):
    """`adapters/<adapter>/revisions/<revision>.yaml`."""

    kind: Literal["AdapterRevision"]
    adapter: Name
    revision: RevisionName
    artifact: Artifact
    peft: PeftSettings
    base: TrainedOn
    provenance: Provenance
    datasets: Many[Dataset] = ()
    lineage: Lineage = Lineage.model_construct()
    risk: RevisionRisk = RevisionRisk.model_construct()
    license: Text | None = None
    release_notes: RelativePath | None = None
    eeat: Eeat | None = None
