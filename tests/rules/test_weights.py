"""Weights: NaN, infinity and zeros, looked for on request."""

from __future__ import annotations

from pathlib import Path

from interlock.findings.finding import Severity
from support.checks import check, passes, refused, warned
from support.repositories import Repository, artifact, manifest

BOT_1 = manifest("support-bot", "1")


def test_nan_in_the_weights_is_refused_on_request_only(repository: Repository) -> None:
    repository.replace_adapter("support-bot", "1", nan=True)
    passes(repository)
    finding = refused(repository, "non-finite-weights", BOT_1, "- {", deep=True)
    assert "lora_B" in finding.found


def test_an_untrained_adapter_is_refused_on_request_only(repository: Repository) -> None:
    repository.replace_adapter("support-bot", "1", zero_b=True)
    passes(repository)
    finding = refused(repository, "zero-weights", BOT_1, "- {", deep=True)
    assert "exactly as the base" in finding.found


def test_one_module_that_is_zero_is_a_warning(repository: Repository) -> None:
    path: Path = repository.root / artifact("support-bot", "1") / "adapter_model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[: -64 * 8 * 2 // 2] + bytes(64 * 8 * 2 // 2))
    repository.reseal("support-bot", "1")
    finding = warned(repository, "zero-weights", BOT_1, "- {", deep=True)
    assert finding.severity is Severity.WARNING
    assert check(repository).findings == ()
