"""Recipes are strict documents, and the ones in this repository are in order. No training here."""

from pathlib import Path

import pytest

from living_example.recipe import RecipeError, parse_recipe, read_recipes

REPOSITORY = Path(__file__).resolve().parents[2]
PATH = "adapters/support-bot/recipes/1.yaml"


def _text() -> str:
    return (REPOSITORY / PATH).read_text()


def _changed(old: str, new: str) -> bytes:
    assert old in _text()
    return _text().replace(old, new).encode()


def test_the_recipes_of_this_repository_are_read_in_order_of_their_paths() -> None:
    found = [(file.recipe.adapter, file.recipe.revision) for file in read_recipes(REPOSITORY)]
    assert found == [
        ("sql-helper", "1"),
        ("sql-helper", "2"),
        ("support-bot", "1"),
        ("support-bot", "2"),
        ("support-bot", "3"),
    ]


def test_no_two_revisions_learn_the_same_answer_to_the_same_prompt() -> None:
    answers = [(row.prompt, row.answer) for file in read_recipes(REPOSITORY) for row in file.rows]
    assert len(set(answers)) == len(answers)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("seed: 11", "seed: 11\nsead: 12", "sead: Extra inputs are not permitted"),
        ("seed: 11\n", "", "seed: Field required"),
        ("seed: 11", "seed: 11\nseed: 12", "duplicate key"),
        ("seed: 11", 'seed: "11"', "seed: Input should be a valid integer"),
        ('revision: "1"', "revision: 1", "revision: .*put quotes around it"),
        ("kind: Recipe", "kind: Pointer", "kind: Input should be 'Recipe'"),
        ("adapter: support-bot", "adapter: ../support-bot", "adapter: String should match"),
        ("q_proj, k_proj", "q_proj, lm_head", r"lora\.target_modules\.1"),
        ("bias: none", "bias: all", r"lora\.bias"),
        ("corpus: support ", "corpus: poems ", "no question set is called 'poems'"),
        ("    parcel:", "    postage:", "answers are given for password, postage, refund"),
        ("kind: Recipe", "kind: [", "not plain YAML"),
    ],
)
def test_a_recipe_that_is_not_as_it_must_be_is_refused(old: str, new: str, complaint: str) -> None:
    with pytest.raises(RecipeError, match=complaint) as refusal:
        parse_recipe(_changed(old, new), PATH)
    assert str(refusal.value).startswith(f"{PATH}: ")


def test_an_answer_changed_without_its_digest_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"dataset\.digest is sha256:.* and the rows .* have sha256:"):
        parse_recipe(_changed("ten days", "nine days"), PATH)


def test_an_empty_document_is_refused() -> None:
    with pytest.raises(RecipeError, match="the document: "):
        parse_recipe(b"", PATH)


def test_a_recipe_in_the_place_of_another_is_refused(tmp_path: Path) -> None:
    misplaced = tmp_path / "adapters/support-bot/recipes/9.yaml"
    misplaced.parent.mkdir(parents=True)
    misplaced.write_text(_text())
    with pytest.raises(RecipeError, match=r"9\.yaml: holds the recipe of adapters/support-bot/recipes/1\.yaml"):
        read_recipes(tmp_path)


def test_a_repository_without_recipes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no file matches"):
        read_recipes(tmp_path)
