"""A node's settings: every path absolute, every secret private, every flaw with its file and line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from interlock.artifacts.settings_files import MAX_SECRET_BYTES, MAX_SETTINGS_BYTES
from interlock.errors import DocumentError, UsageError
from interlock.sync.settings import NODE_NAME, load_settings
from interlock.sync.traffic import Drain

MINIMAL = """\
kind: Node
name: node-1
environment: dev
remote:
  url: file:///srv/git/adapters.git
engine:
  kind: embedded
  url: http://127.0.0.1:8000
"""
SECRET = "ghs_notARealToken"
VARIABLES = (
    "INTERLOCK_REMOTE_TOKEN",
    "INTERLOCK_ENGINE_API_KEY",
    "INTERLOCK_ADMIN_TOKEN",
    "INTERLOCK_HOOK_SECRET",
    "INTERLOCK_STATUS_TOKEN",
)


@pytest.fixture(autouse=True)
def no_secrets_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests does not count."""
    for variable in (*VARIABLES, NODE_NAME):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The directory of the settings file."""
    directory = tmp_path / "etc" / "interlock"
    directory.mkdir(parents=True)
    return directory


def write(home: Path, text: str) -> Path:
    file = home / "node.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def with_token(home: Path, content: bytes = f"{SECRET}\n".encode(), *, mode: int = 0o600) -> Path:
    (home / "token").write_bytes(content)
    (home / "token").chmod(mode)
    return write(home, MINIMAL.replace("adapters.git\n", "adapters.git\n  token_file: token\n"))


def test_the_room_of_the_store_is_read_in_bytes(home: Path) -> None:
    disk = load_settings(write(home, f"{MINIMAL}disk: {{limit: 200GiB, free: 10GB}}\n")).node.disk
    assert (disk.limit, disk.free) == (200 << 30, 10**10)
    with pytest.raises(DocumentError, match="500MB, 200GiB or 2TiB"):
        load_settings(write(home, f'{MINIMAL}disk: {{limit: "200"}}\n'))


def test_archives_are_addresses_below_which_more_may_stand(home: Path) -> None:
    known = ("file:///srv/archive", "https://archive.example.com/a", "s3://bucket/archive")
    settings = load_settings(write(home, f"{MINIMAL}sources: {{archive: [{', '.join(known)}]}}\n"))
    assert settings.access.archives == known
    for wrong in ("file:archive", f"oci://r/a@sha256:{'0' * 64}", "https://user@host/a", "ftp://x", "file:///a/../b"):
        with pytest.raises(DocumentError):
            load_settings(write(home, f'{MINIMAL}sources: {{archive: ["{wrong}"]}}\n'))


def test_a_minimal_file_has_defaults_beside_it(home: Path) -> None:
    settings = load_settings(write(home, MINIMAL))
    assert settings.state == home / "state"
    assert settings.store == home / "state" / "adapters"
    assert settings.routes == home / "state" / "routes.json"
    assert settings.base_directory is None
    assert (settings.poll_seconds, settings.drain_times) == (30.0, Drain(30.0, 600.0))
    assert settings.node.remote.branch == "main"
    assert (settings.remote_token, settings.api_key, settings.admin_token) == ("", "", "")


def test_relative_paths_begin_at_the_file_and_absolute_ones_stay(home: Path) -> None:
    text = MINIMAL + "  base_directory: ../base\nstate: var\nstore: /srv/adapters\nroutes: run/routes.json\n"
    settings = load_settings(write(home, text))
    assert settings.state == home / "var"
    assert settings.store == Path("/srv/adapters")
    assert settings.routes == home / "run" / "routes.json"
    assert settings.base_directory == home / ".." / "base"


def test_the_store_and_the_routes_follow_the_state_directory(home: Path) -> None:
    settings = load_settings(write(home, MINIMAL + "state: /var/lib/interlock\n"))
    assert settings.store == Path("/var/lib/interlock/adapters")
    assert settings.routes == Path("/var/lib/interlock/routes.json")


def test_a_relative_path_to_the_file_gives_absolute_paths(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home, MINIMAL)
    monkeypatch.chdir(home.parent)
    for path in (Path("interlock/node.yaml"), Path("./interlock/../interlock/node.yaml")):
        assert load_settings(path).state == home / "state"


def test_a_mounted_file_that_is_a_link_keeps_the_state_where_the_link_is(home: Path, tmp_path: Path) -> None:
    version = tmp_path / "mounted" / "2026_11_01"
    version.mkdir(parents=True)
    write(version, MINIMAL)
    (home / "node.yaml").symlink_to(version / "node.yaml")
    assert load_settings(home / "node.yaml").state == home / "state"


def test_a_file_that_is_not_there_is_a_usage_error(home: Path) -> None:
    with pytest.raises(UsageError, match="there is no file") as error:
        load_settings(home / "node.yaml")
    assert "docs/node.md" in error.value.remedy


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (MINIMAL + "polls: 1s\n", 9, "unknown key `polls`"),
        (MINIMAL.replace("  url: file", "  polling: 1s\n  url: file"), 5, "unknown key `polling`"),
        (MINIMAL.replace("name: node-1\n", ""), 1, "no key `name`"),
        (MINIMAL.replace("kind: embedded", "kind: dynamo"), 7, "engine.kind is 'dynamo'"),
        (MINIMAL + "drain: 30\n", 9, "drain is"),
        (MINIMAL + "drain: 0s\n", 9, "drain is '0s'"),
        (MINIMAL.replace("8000", "8000/v1"), 8, "engine.url is"),
        (MINIMAL.replace("kind: Node", "kind: Pointer"), 1, "kind is 'Pointer'"),
        (MINIMAL + "name: node-2\n", 9, "name"),
        (MINIMAL + "state: [\n", 10, ""),
        (MINIMAL.replace("node-1", "7"), 2, "name is the number 7"),
        ('state: "a\\tb"\n' + MINIMAL, 1, "state is"),
        ("", 0, ""),
    ],
)  # fmt: skip
def test_every_flaw_is_told_with_file_and_line(home: Path, text: str, line: int, words: str) -> None:
    file = write(home, text)
    with pytest.raises(DocumentError) as error:
        load_settings(file)
    assert error.value.found.startswith(f"{file}:{line}:" if line else str(file)), error.value.found
    assert words in error.value.found
    assert error.value.expected or error.value.remedy


def test_a_misspelled_key_is_answered_with_the_right_one(home: Path) -> None:
    with pytest.raises(DocumentError) as error:
        load_settings(write(home, MINIMAL + "drains: 30s\n"))
    assert "did you mean `drain`?" in error.value.remedy


def test_an_endless_file_is_refused(home: Path) -> None:
    with pytest.raises(DocumentError, match="has more than"):
        load_settings(write(home, MINIMAL + "#" * MAX_SETTINGS_BYTES))
    with pytest.raises(DocumentError, match="has more than"):
        load_settings(Path("/dev/zero"))


def test_a_directory_in_place_of_the_file_is_refused(home: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read: Is a directory"):
        load_settings(home)


def test_secrets_come_from_private_files(home: Path) -> None:
    for name in ("a", "b", "c"):
        (home / name).write_text(f"  {SECRET}-{name}\n", encoding="ascii")
        (home / name).chmod(0o400)
    text = MINIMAL.replace("adapters.git\n", "adapters.git\n  token_file: a\n")
    settings = load_settings(write(home, text + f"  api_key_file: b\n  admin_token_file: {home}/c\n"))
    assert settings.remote_token == f"{SECRET}-a"
    assert settings.api_key == f"{SECRET}-b"
    assert settings.admin_token == f"{SECRET}-c"


def test_secrets_come_from_the_environment_where_no_file_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.setenv(variable, f" {variable.lower()}\n")
    settings = load_settings(write(home, f"{MINIMAL}http: {{}}\n"))
    secrets = (settings.remote_token, settings.api_key, settings.admin_token)
    assert (*secrets, settings.hook_secret, settings.status_token) == tuple(map(str.lower, VARIABLES))


def test_a_file_that_is_named_comes_before_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERLOCK_REMOTE_TOKEN", "another")
    assert load_settings(with_token(home)).remote_token == SECRET


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o610, 0o601, 0o777])
def test_a_secret_that_others_can_read_is_refused_with_the_command_that_helps(home: Path, mode: int) -> None:
    with pytest.raises(UsageError, match="can be read by other users") as error:
        load_settings(with_token(home, mode=mode))
    assert f"chmod 600 {home}/token" in error.value.remedy
    assert "INTERLOCK_REMOTE_TOKEN" in error.value.remedy
    assert SECRET not in str(error.value)


def test_a_link_to_a_secret_is_judged_by_the_file_it_leads_to(home: Path) -> None:
    file = with_token(home, mode=0o644)
    (home / "token").rename(home / "elsewhere")
    (home / "token").symlink_to("elsewhere")
    with pytest.raises(UsageError, match="can be read by other users"):
        load_settings(file)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"  \n\t", b"s3cr3t\nlines", b"s3\tcr3t", b"s3\0cr3t", "ünïcødé".encode(), b"\xff\xfe",
     b"\x1b[31m", b"x" * (MAX_SECRET_BYTES + 1), b" " * (MAX_SECRET_BYTES + 1) + b"x"],
    ids=range(11),
)  # fmt: skip
def test_a_secret_that_is_not_one_printable_line_is_refused_and_not_printed(home: Path, content: bytes) -> None:
    with pytest.raises(UsageError, match="does not hold one printable secret") as error:
        load_settings(with_token(home, content))
    for word in content.decode(errors="replace").split():
        assert word not in error.value.found.removeprefix(str(home))


def test_the_longest_secret_is_taken(home: Path) -> None:
    assert len(load_settings(with_token(home, b"x" * MAX_SECRET_BYTES)).remote_token) == MAX_SECRET_BYTES


def test_a_secret_that_is_not_there_is_an_error_and_not_an_empty_secret(home: Path) -> None:
    file = with_token(home)
    (home / "token").unlink()
    with pytest.raises(UsageError, match="cannot be read: No such file or directory"):
        load_settings(file)
    (home / "token").mkdir(mode=0o700)
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        load_settings(file)


def test_settings_can_be_printed_without_their_secrets(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.setenv(variable, SECRET)
    assert SECRET not in repr(load_settings(write(home, MINIMAL)))
    assert os.environ["INTERLOCK_ADMIN_TOKEN"] == SECRET


@pytest.mark.parametrize("listen", ["0.0.0.0:9187", "10.0.0.7:9187", '"[::]:9187"'])
def test_an_address_that_others_can_reach_is_refused_unless_the_settings_say_so(home: Path, listen: str) -> None:
    with pytest.raises(DocumentError, match="public: true"):
        load_settings(write(home, f"{MINIMAL}http: {{listen: {listen}}}\n"))
    http = load_settings(write(home, f"{MINIMAL}http: {{listen: {listen}, public: true}}\n")).node.http
    assert http
    assert http.listen == listen.strip('"')


@pytest.mark.parametrize("listen", ["localhost:9187", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "::1:80", "x"])
def test_an_address_is_an_ip_address_and_a_port(home: Path, listen: str) -> None:
    with pytest.raises(DocumentError, match=r"node.yaml:9"):
        load_settings(write(home, f'{MINIMAL}http: {{listen: "{listen}"}}\n'))


def test_secrets_of_endpoints_are_read_only_where_there_are_endpoints(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERLOCK_HOOK_SECRET", SECRET)
    assert load_settings(write(home, MINIMAL)).hook_secret == ""
    settings = load_settings(write(home, f"{MINIMAL}http: {{}}\n"))
    assert (settings.hook_secret, settings.status_token) == (SECRET, "")
    assert SECRET not in repr(settings)


def test_a_remote_is_fresh_for_five_minutes_or_three_polls_or_as_the_settings_say(home: Path) -> None:
    assert load_settings(write(home, MINIMAL)).fresh_seconds == 300.0
    slow = MINIMAL.replace("adapters.git\n", "adapters.git\n  poll: 10m\n")
    assert load_settings(write(home, slow)).fresh_seconds == 1800.0
    assert load_settings(write(home, f"{slow}fresh_within: 1h\n")).fresh_seconds == 3600.0


@pytest.mark.parametrize(
    ("receipts", "told"),
    [
        ("{push: [{}]}", "either `directory`"),
        ("{push: [{directory: a, url: 'https://x'}]}", "either `directory`"),
        ("{push: [{url: 'http://example.com/x'}]}", "push[0].url"),
        ("{push: [{url: 'http://localhost.example.com/x'}]}", "push[0].url"),
        ("{push: [{url: 'https://user:pass@example.com/x'}]}", "push[0].url"),
        ("{push: [{directory: a, token_file: b}]}", "token_file"),
    ],
)
def test_a_place_for_receipts_that_could_not_be_meant_is_refused(home: Path, receipts: str, told: str) -> None:
    (home / "node.yaml").write_text(f"{MINIMAL}receipts: {receipts}\n")
    with pytest.raises(DocumentError, match=r"node\.yaml") as caught:
        load_settings(home / "node.yaml")
    assert told in str(caught.value)


def test_the_places_for_receipts_start_at_the_settings_and_their_tokens_stay_secret(home: Path) -> None:
    token = home / "token"
    token.write_text(SECRET)
    token.chmod(0o600)
    places = "[{directory: shared}, {url: 'http://127.0.0.1:1/x', token_file: token}, {git: /srv/receipts.git}]"
    (home / "node.yaml").write_text(f"{MINIMAL}receipts: {{key_file: key, push: {places}}}\n")
    settings = load_settings(home / "node.yaml")
    assert settings.receipts_key == home / "key"
    first, second, third = settings.receipts_to
    assert (first.directory, second.token, third.git) == (home / "shared", SECRET, "/srv/receipts.git")
    assert SECRET not in repr(settings)


def test_nodes_that_share_a_file_get_their_names_from_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NODE_NAME, "node-0\n")
    assert load_settings(write(home, MINIMAL)).node.name == "node-0"
    monkeypatch.setenv(NODE_NAME, "No Name")
    with pytest.raises(UsageError, match="INTERLOCK_NODE_NAME is No Name"):
        load_settings(write(home, MINIMAL))


DIRECTORY = MINIMAL.replace("url: file:///srv/git/adapters.git", "directory: ../sync/current")


def test_a_directory_in_place_of_a_remote_begins_at_the_file_and_is_not_resolved(home: Path) -> None:
    (home.parent / "sync").mkdir()
    (home.parent / "sync" / "current").symlink_to(home)
    settings = load_settings(write(home, DIRECTORY))
    assert settings.directory == home / ".." / "sync" / "current"
    assert settings.node.remote.url is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MINIMAL.replace("adapters.git\n", "adapters.git\n  directory: /sync\n"), "either `url` or `directory`"),
        (
            MINIMAL.replace("  url: file:///srv/git/adapters.git", "  poll: 9s"),
            "either `url` or `directory`",
        ),
        (DIRECTORY.replace("current\n", "current\n  branch: main\n"), "no `branch`, `timeout` and `token_file`"),
        (DIRECTORY + "trust: {require: {signatures: true}}\n", "no `trust.root` and no `trust.require`"),
    ],
)
def test_a_directory_takes_nothing_beside_it_that_it_could_not_keep(home: Path, text: str, words: str) -> None:
    assert text != MINIMAL
    with pytest.raises(DocumentError) as error:
        load_settings(write(home, text))
    assert words in str(error.value)
