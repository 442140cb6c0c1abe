"""Changes after which a repository is wrong whatever else is true: none of them ever passes."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from fuzz.budget import cases
from fuzz.mutation import at, block, locations, put
from fuzz.valid import healthy_files
from fuzz.whole_repository import Bench, Edits, assert_judged
from interlock.checking.checker import check_tree, exit_code
from interlock.documents.layout import Standing, classify
from interlock.documents.tree import WorkingTree
from interlock.documents.yaml_reader import read_yaml

_bench = Bench()
_FILES = healthy_files()
_DOCUMENTS = {
    path: read_yaml(data, path).value for path, data in _FILES.items() if classify(path).standing is Standing.DOCUMENT
}
_PROMISED = sorted(path for path in _FILES if path.startswith(("artifacts/", "models/")))
_PROVEN = re.compile(r"artifact\.(digest|files\.\d+\.digest)|provenance\.recipe\.digest|(digest|files\.\d+\.digest)")
"""Digests in manifests that are compared with bytes in the repository."""
_SIZES = re.compile(r"(artifact\.)?files\.\d+\.size")
_OWN_KEYS = re.compile(r"approvals\.roles|people.*|revoked.*")
"""Mappings whose keys people choose."""

Wrong = Callable[[st.DrawFn], Edits]


def written(path: str, value: Any) -> Edits:
    """The edit that gives a document this value."""
    return {path: ("\n".join(block(value, 9, False)) + "\n").encode()}


def _place(draw: st.DrawFn, wanted: Callable[[str, str, Any], bool]) -> tuple[str, Any, tuple[str | int, ...]]:
    """A document, a copy of its value, and a location in it that is wanted (asked by path, dotted location,
    value)."""
    found = [
        (path, place)
        for path, value in _DOCUMENTS.items()
        for place in locations(value)
        if wanted(path, ".".join(map(str, place)), at(value, place))
    ]
    path, place = draw(st.sampled_from(found))
    return path, copy.deepcopy(_DOCUMENTS[path]), place


def another_digest(draw: st.DrawFn) -> Edits:
    """One character of a digest."""
    path, value, place = _place(draw, lambda path, dotted, _: "revisions" in path and bool(_PROVEN.fullmatch(dotted)))
    digest = at(value, place)
    where = draw(st.integers(7, len(digest) - 1))
    other = draw(st.sampled_from("0123456789abcdef"))
    assume(other != digest[where])
    return written(path, put(value, place, digest[:where] + other + digest[where + 1 :]))


def another_size(draw: st.DrawFn) -> Edits:
    """The size of a file."""
    path, value, place = _place(draw, lambda _, dotted, __: bool(_SIZES.fullmatch(dotted)))
    size = draw(st.integers(0, 2**62))
    assume(size != at(value, place))
    return written(path, put(value, place, size))


def other_bytes(draw: st.DrawFn) -> Edits:
    """One bit, some bytes more or some less, of a file that a manifest promises."""
    path = draw(st.sampled_from(_PROMISED))
    data, where = _FILES[path], draw(st.integers(0, len(_FILES[path]) - 1))
    flipped = data[:where] + bytes([data[where] ^ 1 << draw(st.integers(0, 7))]) + data[where + 1 :]
    return (
        {path: draw(st.sampled_from((flipped, flipped, data[:where], data[where:] or None, data + b"\0", None)))}
        if where
        else {path: None}
    )


def another_kind(draw: st.DrawFn) -> Edits:
    """A document of another kind, of no kind, or of a kind that is no text."""
    path, value, _ = _place(draw, lambda _, dotted, __: dotted == "kind")
    kind: Any = draw(
        st.sampled_from(("Pointer", "Adapter", "Policy", "Waivers", "Kind", "", None, 7, [], {}, True))
        | st.text(max_size=8)
    )
    assume(kind != value["kind"])
    return written(path, value | {"kind": kind})


def another_name(draw: st.DrawFn) -> Edits:
    """A name that differs from the path."""
    path, value, place = _place(draw, lambda path, dotted, _: any(dotted == field for field, _ in classify(path).names))
    name = draw(st.from_regex(r"[a-z0-9][a-z0-9-]{0,10}", fullmatch=True))
    assume(name != at(value, place))
    return written(path, put(value, place, name))


def unknown_key(draw: st.DrawFn) -> Edits:
    """A key that the documents do not know, anywhere."""
    path, value, place = _place(draw, lambda _, dotted, v: isinstance(v, dict) and not _OWN_KEYS.fullmatch(dotted))
    inner = at(value, place)
    key = draw(st.from_regex(r"[a-z_]{1,3}_[a-z]{1,12}", fullmatch=True))
    assume(key not in inner and not (path.startswith("bases/") and place == ("config",)) and key not in _KNOWN)
    return written(path, put(value, place, {**inner, key: draw(st.sampled_from((None, "x", 1, [], {})))}))


def base_that_is_not_there(draw: st.DrawFn) -> Edits:
    """Another base, or another revision of it."""
    path, value, place = _place(draw, lambda _, dotted, __: dotted in ("base.name", "base.revision"))
    assume("environments" in path or "revisions" in path)
    name = draw(st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True))
    assume(name != at(value, place))
    return written(path, put(value, place, name))


def revision_that_is_not_there(draw: st.DrawFn) -> Edits:
    """A pointer to nothing."""
    path = draw(st.sampled_from([path for path in _DOCUMENTS if "/pointers/" in path]))
    revision = draw(st.from_regex(r"[1-9][0-9]{1,5}", fullmatch=True))
    field: dict[str, Any] = draw(
        st.sampled_from(({"active": revision}, {"canary": {"revision": revision, "weight": 5}}, {"keep": [revision]}))
    )
    return written(path, {**_DOCUMENTS[path], **field})


def other_peft_setting(draw: st.DrawFn) -> Edits:
    """A setting in a manifest that is not the one in the adapter's own file."""
    path, value, place = _place(
        draw, lambda _, dotted, __: dotted in ("peft.r", "peft.lora_alpha", "peft.use_rslora", "peft.target_modules")
    )
    other = draw(st.sampled_from((1, 4, 64, True, ["q_proj"], ["q_proj", "v_proj", "k_proj"], [])))
    assume(other != at(value, place))
    return written(path, put(value, place, other))


def nothing_left_of_it(draw: st.DrawFn) -> Edits:
    """A required document taken away, or emptied."""
    path = draw(
        st.sampled_from(
            [path for path in _DOCUMENTS if path.endswith(("adapter.yaml", "environment.yaml")) or "bases" in path]
        )
    )
    return {path: draw(st.sampled_from((None, b"", b"---\n", b"# nothing\n", b"null\n", b"[]\n", b"\n")))}


def another_meaning(draw: st.DrawFn) -> Edits:
    """YAML that another reader reads differently, or refuses."""
    path = draw(st.sampled_from(list(_DOCUMENTS)))
    data = _FILES[path]
    kind = data.partition(b"\n")[0]
    return {
        path: draw(
            st.sampled_from(
                (
                    b"\xef\xbb\xbf" + data, data.decode().encode("utf-16"), data + kind + b"\n",
                    data + b"---\n" + data, data + b"\0", data + b"# \xff\n",
                    b"%YAML 1.1\n---\n" + data, data.replace(b"kind: ", b"kind: &a ", 1), data.replace(b"kind: ",
                    b"kind: !!str ", 1), b"\t" + data,
                    data + b"<<: {}\n", data + "# \u202e\n".encode(), data + b"]\n", data[:-2], data.replace(b": ",
                    b":", 1), data + b"? {}\n",
                    data.replace(b"\n", b"\r"), data.replace(b"\n", b"\n ", 1), b"[" * 70 + data,
                    data + b"x: *a\n", data + b"\x85", data + b"a: \"\\x\"\n",
                )
            )
        )
    }  # fmt: skip


def cut_header(draw: st.DrawFn) -> Edits:
    """Weights whose header is no header, with a manifest that agrees to the bytes."""
    path = "artifacts/support-bot/1/adapter_model.safetensors"
    data = _FILES[path]
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    name = draw(st.sampled_from([name for name in header if name != "__metadata__"]))
    changed = draw(
        st.sampled_from(
            (
                {**header, "extra": 1},
                {key: value for key, value in header.items() if key != name},
                {},
                {**header, name: {}},
            )
        )
    )
    text = json.dumps(changed).encode()
    cut = draw(st.integers(0, len(data) - 1))
    bad = draw(
        st.sampled_from(
            (len(text).to_bytes(8, "little") + text + data[8 + length :], data[:cut], b"\xff" * 8 + data[8:], data[8:])
        )
    )
    return {path: bad, "reseal:support-bot@1": None}


_KNOWN = {key for value in _DOCUMENTS.values() for place in locations(value) for key in map(str, place)} | {
    "rank_pattern",
    "alpha_pattern",
}
_WRONG: tuple[Wrong, ...] = (
    another_digest, another_size, other_bytes, another_kind, another_name, unknown_key, base_that_is_not_there,
    revision_that_is_not_there,
    other_peft_setting, nothing_left_of_it, another_meaning, cut_header,
)  # fmt: skip


@st.composite
def wrong_repositories(draw: st.DrawFn) -> Edits:
    """Edits that make the healthy repository wrong."""
    return draw(st.sampled_from(_WRONG))(draw)


@cases(900, wrong_repositories())
def test_what_is_always_wrong_never_passes(made: Edits) -> None:
    with _bench.edited(made):
        tree = WorkingTree(_bench.root)
        result = check_tree(tree, caches=_bench.caches)
        assert_judged(result, tree)
    assert exit_code(result) in (1, 4), made
