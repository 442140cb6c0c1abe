"""A small valid repository on disk, and edits that break exactly one thing in it.

    repository = write_repository(tmp_path / "repository")
    repository.change("environments/dev/environment.yaml", "engine", "max_loras", to=1)
    repository.replace_adapter("support-bot", "2", rank=64)

It holds the base tiny-llama 2026-11, the adapters support-bot (revisions 1, 2, 3) and sql-helper (1), the environments
dev → staging → production, their pointers and policies. Artifacts are real files that PEFT and vLLM could load; the
digests are computed here with hashlib and not by the code under test. `git_repository` makes a commit of it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from interlock.documents.yaml_reader import read_yaml
from support.adapters import llama_config, write_adapter, write_base

BASE, BASE_REVISION = "tiny-llama", "2026-11"
BASE_DIRECTORY = f"models/{BASE}"
REVISIONS = {"support-bot": ("1", "2", "3"), "sql-helper": ("1",)}
ENVIRONMENTS = {"dev": None, "staging": "dev", "production": "staging"}
ACTIVE = {"dev": {"support-bot": "3", "sql-helper": "1"}, "staging": {"support-bot": "2", "sql-helper": "1"}}
ACTIVE["production"] = {"support-bot": "1", "sql-helper": "1"}
LIMITS = {"max_loras": 4, "max_cpu_loras": 8, "max_lora_rank": 16}

REMOVED: Any = object()
"""The value that takes a key away: `repository.change(path, "engine", "version", to=REMOVED)`."""


@dataclass(frozen=True)
class Repository:
    """A repository on disk. Paths are relative to `root`, with forward slashes."""

    root: Path

    def read(self, path: str) -> dict[str, Any]:
        """Return a document as plain values."""
        return read_yaml((self.root / path).read_bytes(), path).value

    def write(self, path: str, content: Mapping[str, Any] | str | bytes) -> None:
        """Write a document from plain values, or a file as it is."""
        data = content if isinstance(content, bytes) else (content if isinstance(content, str) else _yaml(content))
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))

    def remove(self, path: str) -> None:
        """Remove a file or a folder."""
        target = self.root / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()

    def change(self, path: str, *location: str | int, to: Any) -> None:
        """Set one value of a document, or take its key away with `to=REMOVED`."""
        document = self.read(path)
        node: Any = document
        for step in location[:-1]:
            node = node.setdefault(step, {}) if isinstance(node, dict) else node[step]
        if to is REMOVED:
            node.pop(location[-1], None)
        else:
            node[location[-1]] = to
        self.write(path, document)

    def point(self, environment: str, adapter: str, **fields: Any) -> None:
        """Set fields of a pointer; a pointer that is not there is written with revision 1 active."""
        path = pointer(environment, adapter)
        old = self.read(path) if (self.root / path).exists() else _pointer(adapter, "1")
        self.write(path, old | fields)

    def replace_adapter(self, adapter: str, revision: str, /, **arguments: Any) -> None:
        """Make the bytes of a revision anew (arguments of `write_adapter`) and its manifest agree with them."""
        arguments.setdefault("base_config", llama_config())
        write_adapter(self.root / artifact(adapter, revision), **_ARTIFACT | arguments)
        self.reseal(adapter, revision)

    def reseal(self, adapter: str, revision: str) -> None:
        """Make the digests, sizes and settings in a manifest agree with the files that are there."""
        self.reseal_bytes(adapter, revision)
        old = self.read(manifest(adapter, revision))
        settings = json.loads((self.root / artifact(adapter, revision) / "adapter_config.json").read_bytes())
        old["peft"] = _peft(settings, old["peft"]["dtype"])
        self.write(manifest(adapter, revision), old)

    def reseal_bytes(self, adapter: str, revision: str) -> None:
        """Make only the digests and sizes in a manifest agree with the files that are there."""
        directory = self.root / artifact(adapter, revision)
        old = self.read(manifest(adapter, revision))
        old["artifact"] |= _sealed({file.name: file.read_bytes() for file in directory.iterdir() if file.is_file()})
        self.write(manifest(adapter, revision), old)

    def change_settings(self, adapter: str, revision: str, /, **settings: Any) -> None:
        """Set keys of `adapter_config.json` and make the manifest agree with the new bytes."""
        path = self.root / artifact(adapter, revision) / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_bytes()) | settings, indent=2) + "\n", encoding="utf-8")
        self.reseal(adapter, revision)

    def commit(self, message: str, *, at: dt.datetime | None = None, who: str = "alice") -> str:
        """Commit everything, at a time and as a person of the test's choice; return the commit id."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message, at=at, who=who)
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str, at: dt.datetime | None = None, who: str = "alice") -> str:
        """Run git here as one person, with no configuration of this machine; return what it prints."""
        command = ["git", "-c", "commit.gpgsign=false", *arguments]
        times = {"GIT_AUTHOR_DATE": at.isoformat(), "GIT_COMMITTER_DATE": at.isoformat()} if at else {}
        environment = _GIT_ENVIRONMENT | _identity(who) | times
        outcome = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, check=False)
        assert outcome.returncode == 0, f"{' '.join(command)}: {outcome.stderr.decode(errors='replace')}"
        return outcome.stdout.decode("utf-8").strip()


def write_repository(root: Path, *, engine: str = "vllm") -> Repository:
    """Write the repository to `root`, all environments on engines of this kind."""
    for path, data in _files(engine).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return Repository(root)


def git_repository(root: Path, *, engine: str = "vllm") -> Repository:
    """Write the repository as a git work tree on the branch `main`, with everything in one commit."""
    repository = write_repository(root, engine=engine)
    repository.git("init", "--quiet", "--initial-branch", "main")
    repository.commit("Begin")
    return repository


def manifest(adapter: str, revision: str) -> str:
    """Path of an `AdapterRevision`."""
    return f"adapters/{adapter}/revisions/{revision}.yaml"


def artifact(adapter: str, revision: str) -> str:
    """Path of the folder with the bytes of a revision."""
    return f"artifacts/{adapter}/{revision}"


def pointer(environment: str, adapter: str) -> str:
    """Path of a `Pointer`."""
    return f"environments/{environment}/pointers/{adapter}.yaml"


def environment(name: str) -> str:
    """Path of an `Environment`."""
    return f"environments/{name}/environment.yaml"


def base_manifest(name: str = BASE, revision: str = BASE_REVISION) -> str:
    """Path of a `BaseRevision`."""
    return f"bases/{name}/{revision}.yaml"


_ARTIFACT: dict[str, Any] = {"rank": 8, "alpha": 16, "dtype": "BF16"}
_GIT_ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def _identity(who: str) -> dict[str, str]:
    """Author and committer as git reads them from the environment."""
    name, email = who.capitalize(), f"{who}@example.com"
    parts = {"AUTHOR": (name, email), "COMMITTER": (name, email)}
    return {
        f"GIT_{part}_{what}": text
        for part, pair in parts.items()
        for what, text in zip(("NAME", "EMAIL"), pair, strict=True)
    }


@cache
def _files(engine: str) -> Mapping[str, bytes]:
    """Every file of the repository; built once for a process."""
    files = dict(_bytes())
    documents: dict[str, Mapping[str, Any]] = {base_manifest(): _base(_below(files, BASE_DIRECTORY))}
    for adapter, revisions in REVISIONS.items():
        documents[f"adapters/{adapter}/adapter.yaml"] = _adapter(adapter)
        for index, revision in enumerate(revisions):
            previous = revisions[index - 1] if index else None
            files[f"adapters/{adapter}/recipes/{revision}.yaml"] = f"steps: {index + 1}\n".encode()
            files[f"adapters/{adapter}/notes/{revision}.md"] = b"Answers more politely.\n"
            documents[manifest(adapter, revision)] = _revision(adapter, revision, previous, files)
    for name, upstream in ENVIRONMENTS.items():
        documents[environment(name)] = _environment(name, upstream, engine)
        documents |= {pointer(name, adapter): _pointer(adapter, active) for adapter, active in ACTIVE[name].items()}
    documents |= _policies()
    return files | {path: _yaml(document).encode() for path, document in documents.items()}


@cache
def _bytes() -> Mapping[str, bytes]:
    """The files of the base and of the adapters, which do not depend on the engine."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        config = write_base(root / BASE_DIRECTORY)
        for adapter, revisions in REVISIONS.items():
            for revision in revisions:
                seed = sum(f"{adapter}@{revision}".encode())
                write_adapter(root / artifact(adapter, revision), base_config=config, seed=seed, **_ARTIFACT)
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _below(files: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    return {path.removeprefix(f"{folder}/"): data for path, data in files.items() if path.startswith(f"{folder}/")}


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _sealed(files: Mapping[str, bytes]) -> dict[str, Any]:
    """`digest` and `files` of a file set: the digest is over the lines `<hex>  <size>  <path>`, sorted by path."""
    entries = [{"path": path, "digest": _digest(data), "size": len(data)} for path, data in sorted(files.items())]
    lines = [f"{hashlib.sha256(data).hexdigest()}  {len(data)}  {path}\n" for path, data in sorted(files.items())]
    return {"digest": _digest("".join(lines).encode()), "files": entries}


def _base(files: Mapping[str, bytes]) -> dict[str, Any]:
    config = llama_config()
    kept = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim")
    shape = {key: config[key] for key in (*kept, "intermediate_size", "vocab_size", "dtype")}
    template = files["chat_template.jinja"]
    return {
        "kind": "BaseRevision",
        "name": BASE,
        "revision": BASE_REVISION,
        "source": {"uri": f"file:{BASE_DIRECTORY}"},
        **_sealed(files),
        "config": {"architecture": "LlamaForCausalLM", **shape},
        "tokenizer": {"digest": _digest(files["tokenizer.json"]), "fingerprint": _digest(b"tokens of the probes")},
        "chat_template": {"digest": _digest(template), "fingerprint": _digest(b"tokens of the conversations")},
        "pedigree": {"kind": "foundation"},
        "license": "apache-2.0",
    }


def _adapter(name: str) -> dict[str, Any]:
    return {
        "kind": "Adapter",
        "name": name,
        "description": "Answers questions.",
        "owners": {
            "team": "support-ml",
            "contact": "support-ml@example.com",
            "escalation": "https://oncall.example.com/support-ml",
        },
        "review": {"cadence": "90d", "last_reviewed": "2026-11-01"},
        "risk": {"tier": "low"},
    }


def _revision(adapter: str, revision: str, previous: str | None, files: Mapping[str, bytes]) -> dict[str, Any]:
    bytes_of = _below(files, artifact(adapter, revision))
    recipe = f"adapters/{adapter}/recipes/{revision}.yaml"
    return {
        "kind": "AdapterRevision",
        "adapter": adapter,
        "revision": revision,
        "artifact": {"uri": f"file:{artifact(adapter, revision)}", **_sealed(bytes_of)},
        "peft": _peft(json.loads(bytes_of["adapter_config.json"]), "bfloat16"),
        "base": {"name": BASE, "revision": BASE_REVISION},
        "provenance": {
            "builder": "trainer-ci",
            "recipe": {"path": recipe, "digest": _digest(files[recipe])},
            "source": {"repository": "https://git.example.com/ml/adapters", "commit": "3f1c" * 10},
            "seeds": [17],
        },
        **({"lineage": {"previous": previous, "anchor": "1"}} if previous else {}),
        "release_notes": f"adapters/{adapter}/notes/{revision}.md",
        "datasets": [
            {"name": "tickets", "digest": _digest(b"tickets"), "window": "2026-07-01/2026-09-30", "license": "internal"}
        ],
    }


def _peft(settings: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    copied = ("peft_type", "r", "lora_alpha", "use_rslora", "use_dora", "bias", "modules_to_save", "target_modules")
    patterns = {key: settings[key] for key in ("rank_pattern", "alpha_pattern") if settings.get(key)}
    return {key: settings[key] for key in copied} | patterns | {"dtype": dtype}


def _environment(name: str, upstream: str | None, engine: str) -> dict[str, Any]:
    return {
        "kind": "Environment",
        "name": name,
        **({"upstream": upstream} if upstream else {}),
        "protected": name == "production",
        "base": {"name": BASE, "revision": BASE_REVISION},
        "engine": {"kind": engine, **LIMITS},
        "keep_previous": 1,
    }


def _pointer(adapter: str, active: str) -> dict[str, Any]:
    return {"kind": "Pointer", "adapter": adapter, "active": active}


def _policies() -> dict[str, dict[str, Any]]:
    keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICvYBsl/DgCvGh/DMo+nY6kmlyPI24+sT5OvcdsYbW6Q"]
    people = [{"login": "alice", "id": 1001, "emails": ["alice@example.com"], "keys": keys, "roles": ["validator"]}]
    return {
        "policies/production.yaml": {
            "kind": "Policy",
            "environments": ["production"],
            "approvals": {"count": 1, "roles": {"validator": 1}},
        },
        "policies/roster.yaml": {"kind": "Roster", "people": people},
        "policies/revocations.yaml": {"kind": "Revocations", "revoked": []},
    }


def _yaml(value: Mapping[str, Any], indent: int = 0) -> str:
    """Block YAML down to lists and leaves, which are JSON: all text in quotes, one file of an artifact a line."""
    return "".join(_entry(str(key), inner, indent) for key, inner in value.items())


def _entry(key: str, value: Any, indent: int) -> str:
    lead = " " * indent + f"{json.dumps(key) if not key.replace('_', '').isalpha() else key}:"
    if isinstance(value, dict) and value:
        return f"{lead}\n{_yaml(value, indent + 2)}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return f"{lead}\n" + "".join(f"{' ' * indent}  - {json.dumps(item)}\n" for item in value)
    return f"{lead} {json.dumps(value)}\n"
