"""Training recipes: what one adapter revision is made from, as a strict document.

Read by `living_example` and by whoever wants to know how a revision came about. Refuses unknown, missing and
duplicate keys, numbers where text is asked for, answers that do not fit the question set, and a data set whose
digest is not the one written down.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from living_example.corpus import Pair, dataset_digest, pairs

Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Revision = Annotated[str, Field(pattern=r"^[0-9]+(-[0-9]+)*$")]
Projection = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class RecipeError(ValueError):
    """A recipe cannot be used; the message names the file, what was found and what was expected."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class BaseReference(_Strict):
    """The base revision that the adapter attaches to."""

    name: Name
    revision: Revision


class LoraSettings(_Strict):
    """The LoRA settings, in PEFT's own words."""

    r: Annotated[int, Field(gt=0)]
    lora_alpha: Annotated[int, Field(gt=0)]
    lora_dropout: Annotated[float, Field(ge=0, lt=1)]
    bias: Literal["none"]
    target_modules: Annotated[tuple[Projection, ...], Field(min_length=1, strict=False)]


class Dataset(_Strict):
    """A question set of `living_example.corpus`, the answer to learn for each topic, and the digest of the rows."""

    name: Name
    corpus: str
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    answers: Mapping[str, Annotated[str, Field(min_length=1)]]


class Recipe(_Strict):
    """Everything that decides an adapter's weights, beside the base and the software."""

    kind: Literal["Recipe"]
    adapter: Name
    revision: Revision
    base: BaseReference
    seed: Annotated[int, Field(ge=0)]
    steps: Annotated[int, Field(gt=0)]
    batch_size: Annotated[int, Field(gt=0)]
    learning_rate: Annotated[float, Field(gt=0)]
    lora: LoraSettings
    dataset: Dataset


@dataclass(frozen=True)
class RecipeFile:
    """A recipe as read: its path from the repository root, the digest of its bytes, and its training rows."""

    path: str
    digest: str
    recipe: Recipe
    rows: tuple[Pair, ...]


def parse_recipe(content: bytes, path: str) -> RecipeFile:
    """Read one recipe from the bytes of the file `path`.

    Raises:
        RecipeError: the document, its answers, or the digest of its data set is not as it must be.
    """
    try:
        recipe = Recipe.model_validate(YAML(typ="safe").load(content.decode()))
        rows = pairs(recipe.dataset.corpus, recipe.dataset.answers)
    except ValidationError as error:
        raise RecipeError(f"{path}: {_first_complaint(error)}") from error
    except MarkedYAMLError as error:
        raise RecipeError(f"{path}: not plain YAML: {error.problem} {error.problem_mark or ''}".rstrip()) from error
    except ValueError as error:
        raise RecipeError(f"{path}: {error}") from error
    found = dataset_digest(rows)
    if found != recipe.dataset.digest:
        raise RecipeError(
            f"{path}: dataset.digest is {recipe.dataset.digest}, and the rows made from this recipe have {found}. "
            "If the answers or questions were changed on purpose, write the new digest into a new recipe."
        )
    return RecipeFile(path, f"sha256:{hashlib.sha256(content).hexdigest()}", recipe, rows)


def read_recipes(root: Path) -> tuple[RecipeFile, ...]:
    """Read `adapters/*/recipes/*.yaml` below the repository root `root`, sorted by path.

    Raises:
        RecipeError: there is none, one is not valid, or one lies where its contents do not belong.
    """
    found = tuple(
        _placed(parse_recipe(path.read_bytes(), path.relative_to(root).as_posix()))
        for path in sorted(root.glob("adapters/*/recipes/*.yaml"))
    )
    if not found:
        raise RecipeError(f"{root}: no file matches adapters/*/recipes/*.yaml")
    return found


def _placed(file: RecipeFile) -> RecipeFile:
    expected = f"adapters/{file.recipe.adapter}/recipes/{file.recipe.revision}.yaml"
    if file.path != expected:
        raise RecipeError(f"{file.path}: holds the recipe of {expected}; a recipe lies where its contents say")
    return file


def _first_complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the document"
    hint = "; put quotes around it" if first["type"] == "string_type" else ""
    return f"{where}: {first['msg']} (found {first['input']!r}){hint}"
