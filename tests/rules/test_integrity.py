"""Artifact integrity: missing, changed, surplus, unreadable and unreachable bytes."""

from __future__ import annotations

import shutil
from pathlib import Path

from interlock.checking.checker import exit_code
from support.checks import check, not_evaluated, passes, refused, warned
from support.repositories import BASE_DIRECTORY, Repository, artifact, base_manifest, manifest
from support.signed_weights import sign_weights_of

BOT_2 = manifest("support-bot", "2")
BYTES_2 = artifact("support-bot", "2")
WEIGHTS = "adapter_model.safetensors"
ELSEWHERE = "s3://adapters/support-bot/2"


def test_a_valid_repository_passes(repository: Repository) -> None:
    passes(repository)
    passes(repository, deep=True)


def test_a_missing_file_is_refused(repository: Repository) -> None:
    repository.remove(f"{BYTES_2}/{WEIGHTS}")
    finding = refused(repository, "artifact-missing", BOT_2, f'"{WEIGHTS}"')
    assert "8200 bytes" in finding.expected


def test_a_missing_folder_is_refused_once(repository: Repository) -> None:
    repository.remove(BYTES_2)
    refused(repository, "artifact-missing", BOT_2, f'"file:{BYTES_2}"')


def test_a_link_in_place_of_a_file_is_not_followed(repository: Repository) -> None:
    target = repository.root / BYTES_2 / WEIGHTS
    target.rename(repository.root / "elsewhere.safetensors")
    target.symlink_to(repository.root / "elsewhere.safetensors")
    finding = refused(repository, "artifact-missing", BOT_2, f'"{WEIGHTS}"')
    assert "symlink" in finding.found


def test_a_half_copied_file_is_refused(repository: Repository) -> None:
    path = repository.root / BYTES_2 / WEIGHTS
    path.write_bytes(path.read_bytes()[:4000])
    finding = refused(repository, "size-mismatch", BOT_2, "8200")
    assert "4000 bytes" in finding.found


def test_a_file_that_goes_on_too_long_is_refused_without_reading_it_to_its_end(repository: Repository) -> None:
    path = repository.root / BYTES_2 / WEIGHTS
    with path.open("r+b") as stream:
        stream.truncate(1 << 40)
    refused(repository, "size-mismatch", BOT_2, "8200")


def test_a_changed_byte_is_refused(repository: Repository) -> None:
    path = repository.root / BYTES_2 / WEIGHTS
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    finding = refused(repository, "digest-mismatch", BOT_2, '"sha256:')
    assert finding.expected in (repository.root / BOT_2).read_text()


def test_a_digest_of_the_whole_that_is_not_that_of_the_files_is_refused(repository: Repository) -> None:
    repository.change(BOT_2, "artifact", "digest", to="sha256:" + "0" * 64)
    refused(repository, "artifact-digest-mismatch", BOT_2, '"sha256:0000')


def test_an_adapter_without_its_tensor_file_is_refused(repository: Repository) -> None:
    folder = repository.root / BYTES_2
    (folder / WEIGHTS).rename(folder / "weights.safetensors")
    repository.reseal("support-bot", "2")
    refused(repository, "required-file-unlisted", BOT_2, "- {")


def test_a_file_listed_twice_is_refused(repository: Repository) -> None:
    files = repository.read(BOT_2)["artifact"]["files"]
    repository.change(BOT_2, "artifact", "files", to=[*files, files[0]])
    refused(repository, "duplicate-file", BOT_2, '"adapter_config.json"')


def test_a_file_that_is_not_listed_is_refused(repository: Repository) -> None:
    repository.write(f"{BYTES_2}/README.md", "# An adapter\n")
    finding = refused(repository, "unlisted-file", BOT_2, "- {")
    assert "README.md" in finding.found


def test_a_folder_inside_an_artifact_is_refused(repository: Repository) -> None:
    repository.write(f"{BYTES_2}/checkpoint/{WEIGHTS}", b"")
    finding = refused(repository, "unlisted-file", BOT_2, "- {")
    assert f"checkpoint/{WEIGHTS}" in finding.found


def test_the_signature_of_an_artifact_need_not_be_listed(repository: Repository) -> None:
    sign_weights_of(repository, "support-bot@2", "trainer-ci")
    assert (repository.root / BYTES_2 / "model.sig").is_file()
    passes(repository)


def test_a_pickle_is_refused_even_when_it_is_listed(repository: Repository) -> None:
    repository.write(f"{BYTES_2}/adapter_model.bin", b"\x80\x04.")
    repository.reseal("support-bot", "2")
    refused(repository, "pickle-file", BOT_2, '"adapter_model.bin"')


def test_a_tensor_file_that_is_not_well_formed_is_refused(repository: Repository) -> None:
    path = repository.root / BYTES_2 / WEIGHTS
    path.write_bytes(b"\xff" * 8 + path.read_bytes()[8:])
    repository.reseal("support-bot", "2")
    finding = refused(repository, "unreadable-tensors", BOT_2, f'"{WEIGHTS}"')
    assert "header" in finding.found


def test_settings_that_are_not_well_formed_are_refused(repository: Repository) -> None:
    path = repository.root / BYTES_2 / "adapter_config.json"
    path.write_text(path.read_text().replace("{", '{"r": 8, ', 1))
    repository.reseal("support-bot", "2")
    finding = refused(repository, "unreadable-adapter-config", BOT_2, '"adapter_config.json"')
    assert "'r'" in finding.found or '"r"' in finding.found or " r " in finding.found


def test_bytes_elsewhere_cannot_be_evaluated_where_a_pointer_names_them(repository: Repository) -> None:
    repository.change(BOT_2, "artifact", "uri", to=ELSEWHERE)
    finding = not_evaluated(repository, "artifact-unreachable", BOT_2, f'"{ELSEWHERE}"')
    assert "file:" in finding.found or "s3:" in finding.found


def test_bytes_elsewhere_are_a_warning_where_no_pointer_names_them(repository: Repository) -> None:
    repository.change(BOT_2, "artifact", "uri", to=ELSEWHERE)
    repository.point("staging", "support-bot", active="1")
    finding = warned(repository, "artifact-unreachable", BOT_2, f'"{ELSEWHERE}"')
    assert not finding.evaluated


def test_other_flaws_beat_what_cannot_be_evaluated(repository: Repository) -> None:
    repository.change(BOT_2, "artifact", "uri", to=ELSEWHERE)
    repository.remove(artifact("support-bot", "1"))
    result = check(repository)
    assert {finding.rule for finding in result.findings} == {"artifact-unreachable", "artifact-missing"}
    assert exit_code(result) == 1


def test_bytes_in_a_folder_of_this_machine_are_judged_like_those_in_the_repository(
    repository: Repository, tmp_path: Path
) -> None:
    shutil.move(repository.root / BYTES_2, tmp_path / "bytes")
    repository.change(BOT_2, "artifact", "uri", to=f"file://{tmp_path}/bytes")
    passes(repository, deep=True)
    (tmp_path / "bytes" / "notes.txt").write_text("surplus")
    refused(repository, "unlisted-file", BOT_2, "- {")


def test_a_folder_that_this_machine_does_not_have_cannot_be_evaluated(repository: Repository, tmp_path: Path) -> None:
    uri = f"file://{tmp_path}/nowhere"
    repository.change(BOT_2, "artifact", "uri", to=uri)
    not_evaluated(repository, "artifact-unreachable", BOT_2, f'"{uri}"')


def test_the_files_of_a_base_in_the_repository_are_compared_too(repository: Repository) -> None:
    path = repository.root / BASE_DIRECTORY / "chat_template.jinja"
    path.write_text(
        path.read_text().replace("user", "User", 1) if "user" in path.read_text() else path.read_text()[::-1]
    )
    finding = refused(repository, "digest-mismatch", base_manifest(), '"sha256:')
    assert "chat_template.jinja of base tiny-llama 2026-11" in finding.found


def test_a_base_whose_digest_is_not_that_of_its_files_is_refused(repository: Repository) -> None:
    repository.change(base_manifest(), "digest", to="sha256:" + "0" * 64)
    refused(repository, "artifact-digest-mismatch", base_manifest(), '"sha256:0000')


def test_a_base_that_is_kept_elsewhere_is_not_looked_for(repository: Repository) -> None:
    repository.remove(BASE_DIRECTORY)
    repository.change(base_manifest(), "source", to={"repository": "org/tiny", "commit": "0e9e" * 10})
    assert {finding.rule for finding in check(repository).findings} == {"base-unpinned"}
