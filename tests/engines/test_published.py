"""Adapters that an engine reads from a directory: they appear whole, hold the store's bytes, and never change."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from interlock.engines.published import PublishedAdapters, hard_link
from interlock.errors import EngineRefused

NAME = "support-bot@1-0123456789ab"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory as the store has it."""
    directory = tmp_path / "store" / "1"
    directory.mkdir(parents=True)
    for file, content in (("adapter_config.json", "{}"), ("adapter_model.safetensors", "weights")):
        (directory / file).write_text(content, encoding="utf-8")
        (directory / file).chmod(0o444)
    return directory


@pytest.fixture
def published(tmp_path: Path) -> PublishedAdapters:
    """An empty directory for an engine."""
    return PublishedAdapters(tmp_path / "adapters")


def no_links(_: Path, __: Path) -> None:
    """A file system without hard links."""
    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


def test_the_bytes_are_linked_and_the_settings_come_last(source: Path, tmp_path: Path) -> None:
    seen: list[str] = []

    def watched(from_: Path, to: Path) -> None:
        seen.append(to.name)
        hard_link(from_, to)

    place = PublishedAdapters(tmp_path / "adapters", link=watched).publish(NAME, source)
    assert seen == ["adapter_model.safetensors", "adapter_config.json"]
    assert all((place / file.name).samefile(file) for file in source.iterdir())


def test_where_there_are_no_links_the_bytes_are_copied_and_cannot_be_written(source: Path, tmp_path: Path) -> None:
    place = PublishedAdapters(tmp_path / "adapters", link=no_links).publish(NAME, source)
    for file in source.iterdir():
        copy = place / file.name
        assert copy.read_bytes() == file.read_bytes()
        assert not copy.samefile(file)
        assert copy.stat().st_mode & 0o222 == 0


def test_nothing_is_left_behind_when_the_bytes_cannot_be_brought(source: Path, tmp_path: Path) -> None:
    def full(_: Path, __: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    published = PublishedAdapters(tmp_path / "adapters", link=full)
    with pytest.raises(EngineRefused, match="No space left"):
        published.publish(NAME, source)
    assert published.names() == set()
    assert list((tmp_path / ".adapters.incoming").iterdir()) == []


def test_publishing_again_is_a_success_and_other_bytes_are_refused(published: PublishedAdapters, source: Path) -> None:
    place = published.publish(NAME, source)
    assert published.publish(NAME, source) == place
    other = source.parent / "2"
    other.mkdir()
    (other / "adapter_config.json").write_text('{"r": 8}', encoding="utf-8")
    with pytest.raises(EngineRefused, match="holds other bytes"):
        published.publish(NAME, other)


@pytest.mark.parametrize("name", ["..", "../x", "support-bot", "a/b@1-0123456789ab", "", ".adapters.incoming"])
def test_only_served_names_are_written_or_removed(published: PublishedAdapters, source: Path, name: str) -> None:
    with pytest.raises(EngineRefused, match="is no served name"):
        published.publish(name, source)
    with pytest.raises(EngineRefused, match="is no served name"):
        published.withdraw(name)


def test_a_link_in_the_store_is_not_followed(published: PublishedAdapters, source: Path) -> None:
    (source / "extra").symlink_to("/etc/passwd")
    with pytest.raises(EngineRefused, match="not a plain file"):
        published.publish(NAME, source)
    assert published.names() == set()


def test_a_link_in_the_place_of_an_adapter_is_neither_listed_nor_published_into(
    published: PublishedAdapters, source: Path
) -> None:
    published.root.mkdir()
    (published.root / NAME).symlink_to(source)
    assert published.names() == set()
    with pytest.raises(EngineRefused, match="cannot be published"):
        published.publish(NAME, source)
    published.withdraw(NAME)
    assert source.is_dir()
    assert not os.path.lexists(published.root / NAME)


def test_withdrawing_leaves_the_store_and_what_is_not_there_alone(published: PublishedAdapters, source: Path) -> None:
    published.publish(NAME, source)
    published.withdraw(NAME)
    published.withdraw(NAME)
    assert published.names() == set()
    assert sorted(file.name for file in source.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
