"""Generated files equal what the models say, and the schemas and the models accept the same keys."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from interlock.documents import reference, schemas
from interlock.documents.field_notes import FIELD_NOTES
from interlock.documents.fields import Document
from interlock.documents.kinds.environment import ChangeWindow
from interlock.documents.layout import classify
from interlock.documents.reading import read_document
from interlock.documents.schemas import PUBLISHED, json_schemas, schema_name
from interlock.documents.shape import keys_of, models_in
from interlock.documents.yaml_reader import UnreadableDocument, read_yaml

REPOSITORY = Path(__file__).parents[2]
CASES = sorted((Path(__file__).parent / "cases").iterdir())


def reachable(model: type[Document]) -> Iterator[type[Document]]:
    yield model
    for field in model.model_fields.values():
        for below in models_in(field.annotation):
            yield from reachable(below)


MODELS = {model.__name__: model for kind in PUBLISHED.values() for model in reachable(kind)}


def definitions(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {schema["title"]: schema, **schema.get("$defs", {})}


def test_the_schemas_in_docs_are_those_of_the_models() -> None:
    assert schemas.differences(REPOSITORY / "docs" / "schemas") == []


def test_the_tables_in_docs_are_those_of_the_models() -> None:
    text = (REPOSITORY / "docs" / "documents.md").read_text(encoding="utf-8")
    assert reference.renewed(text) == text


@pytest.mark.parametrize("name", sorted(json_schemas()))
def test_a_schema_is_valid_and_names_itself(name: str) -> None:
    schema = json_schemas()[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == name
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_no_two_models_have_one_name() -> None:
    for name, schema in json_schemas().items():
        for definition in definitions(schema):
            assert definition in MODELS, f"{name}: {definition}"


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_model_accepts_exactly_the_keys_that_its_schema_shows(name: str) -> None:
    shown = [definitions(schema)[name] for schema in json_schemas().values() if name in definitions(schema)]
    assert shown
    for definition in shown:
        assert definition["additionalProperties"] is False
        assert list(definition["properties"]) == list(keys_of(MODELS[name]))
        required = [key for key, field in keys_of(MODELS[name]).items() if field.is_required()]
        assert definition.get("required", []) == required
    assert MODELS[name].model_config["extra"] == "forbid"
    assert not MODELS[name].model_config.get("populate_by_name")
    assert not MODELS[name].model_config.get("validate_by_name")


def test_the_name_of_a_field_in_python_is_no_key() -> None:
    window = {"days": ["mon"], "to": "10:00", "timezone": "UTC"}
    ChangeWindow.model_validate({**window, "from": "09:00"})
    with pytest.raises(ValueError, match="from_"):
        ChangeWindow.model_validate({**window, "from_": "09:00"})


def test_every_field_has_a_note_and_every_note_a_field() -> None:
    fields = {name: list(keys_of(model)) for name, model in MODELS.items()}
    assert {name: list(notes) for name, notes in FIELD_NOTES.items()} == fields


def test_every_note_is_a_sentence() -> None:
    for notes in FIELD_NOTES.values():
        for note in notes.values():
            assert note[0].isupper()
            assert note.endswith(".")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_document_may_hold_its_schema_allows(case: Path) -> None:
    path = (case / "expected.txt").read_text(encoding="utf-8").splitlines()[0].removeprefix("path: ")
    data = (case / "input.yaml").read_bytes()
    reading = read_document(data, path, classify(path))
    if reading.document is None:
        return
    schema = json_schemas()[schema_name(classify(path).kind)]
    assert list(Draft202012Validator(schema).iter_errors(read_yaml(data, path).value)) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_schema_refuses_is_refused_by_the_model_too(case: Path) -> None:
    path = (case / "expected.txt").read_text(encoding="utf-8").splitlines()[0].removeprefix("path: ")
    data = (case / "input.yaml").read_bytes()
    try:
        value = read_yaml(data, path).value
    except UnreadableDocument:
        return
    schema = json_schemas()[schema_name(classify(path).kind)]
    if list(Draft202012Validator(schema).iter_errors(value)):
        assert read_document(data, path, classify(path)).problems


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"interlock.documents.{module}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_schemas_can_be_written_and_checked_from_the_command_line(tmp_path: Path) -> None:
    folder = tmp_path / "schemas"
    assert schemas.main(["--check", str(folder)]) == 1
    assert run("schemas", str(folder)).returncode == 0
    assert schemas.main(["--check", str(folder)]) == 0
    pointer = folder / "pointer.schema.json"
    assert json.loads(pointer.read_text(encoding="utf-8"))["properties"]["active"]["type"] == "string"
    pointer.write_text("{}", encoding="utf-8")
    (folder / "roster.schema.json").unlink()
    (folder / "old.schema.json").write_text("{}", encoding="utf-8")
    checked = run("schemas", "--check", str(folder))
    assert checked.returncode == 1
    assert checked.stdout.splitlines() == [
        "old.schema.json is of no known kind",
        "pointer.schema.json is outdated",
        "roster.schema.json is missing",
        f"Next: python -m interlock.documents.schemas {folder}",
    ]
    assert run("schemas").returncode == 2


def test_the_tables_can_be_written_and_checked_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "documents.md"
    page.write_text("no marks", encoding="utf-8")
    assert reference.main([str(page)]) == 1
    assert "expected the lines" in capsys.readouterr().out
    page.write_text(f"before\n{reference.BEGIN}\nold\n{reference.END}\nafter\n", encoding="utf-8")
    assert reference.main(["--check", str(page)]) == 1
    assert "Next: python -m interlock.documents.reference" in capsys.readouterr().out
    assert run("reference", str(page)).returncode == 0
    assert reference.main(["--check", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| `active` | a revision, always in quotes | required |" in text
