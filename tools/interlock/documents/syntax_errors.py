"""The C parser's complaints in plain words; the YAML reader calls it."""

from __future__ import annotations

from ruamel.yaml.error import MarkedYAMLError, YAMLError

_WORDS = (
    # (part of the parser's text, what was found, what was expected, what to do)
    (
        "mapping values are not allowed",
        "a colon where no key can stand",
        "one `key: value` a line, keys of one level in one column",
        "put the text in quotes if the colon belongs to it, or correct the indentation",
    ),
    (
        "cannot start any token",
        "a character that cannot stand here: a tab, or one of @ ` %",
        "spaces for indentation, and quotes around text that begins with a sign",
        "replace tabs by spaces, or put the text in quotes",
    ),
    (
        "could not find expected ':'",
        "a line without a colon",
        "`key: value`",
        "add `: ` after the key, or indent the line if it continues the one before",
    ),
    ("did not find expected ',' or ']'", "a list that is not closed", "`]` at its end", "close the list with ]"),
    ("did not find expected ',' or '}'", "a mapping that is not closed", "`}` at its end", "close the mapping with }"),
    (
        "did not find expected key",
        "a line that is neither a key of this level nor part of the value before it",
        "keys of one level in one column",
        "correct the indentation of this line",
    ),
    (
        "did not find expected '-' indicator",
        "a line that is not an entry of the list above it",
        "every entry begins with `- ` in one column",
        "correct the indentation of this line",
    ),
    (
        "did not find expected <document start>",
        "text after the end of the document",
        "one mapping of keys and values a file",
        "correct the indentation of this line, or remove it",
    ),
    (
        "did not find expected node content",
        "a missing value, or one that begins with a sign",
        "a value; text that begins with a sign in quotes",
        "write the value, or put the text in quotes",
    ),
    (
        "found unexpected ':'",
        "a colon at the end of unquoted text between brackets",
        "`key: value`, or text in quotes",
        "write a space after the colon, or put the text in quotes",
    ),
    (
        "block sequence entries are not allowed",
        "a list entry where none can stand",
        "every entry of a list on a line of its own",
        "begin the list on the next line",
    ),
    (
        "found unknown escape character",
        "a backslash that stands for nothing",
        '\\n, \\t, \\" or \\\\ in double quotes',
        "write the backslash twice, or use single quotes",
    ),
    (
        "found undefined tag handle",
        "a word that begins with an exclamation mark: a tag that is not declared",
        "a plain value",
        "remove the tag, or put the text in quotes",
    ),
    (
        "unexpected end of stream",
        "quoted text that is not closed",
        "the same quote at the end of the text",
        "close the quotes",
    ),
)

_TOLD_WHERE_IT_BEGINS = ("expected ':'", "',' or ']'", "',' or '}'", "unexpected end of stream")


def plain_words(error: YAMLError, text: str) -> tuple[tuple[int, int], str, str, str]:
    """Return the position (line and column from 1), what was found, what was expected and a remedy."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith("<<<<<<< "):
            remedy = "keep what is right of both sides, remove the marks, and run: git add"
            return (number, 1), "a mark of git: a merge is not finished", "the resolved document", remedy
    expected, remedy = "YAML that every reader reads alike", "correct the line"
    if not isinstance(error, MarkedYAMLError):
        return (1, 1), str(error).splitlines()[0], expected, remedy
    problem = error.problem or "text that is not YAML"
    mark = error.problem_mark or error.context_mark
    position = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    found = problem.replace("did not find expected", "missing")
    for part, *words in _WORDS:
        if part in problem:
            found, expected, remedy = words
    if error.context_mark and any(part in problem for part in _TOLD_WHERE_IT_BEGINS):
        stopped, position = position[0], (error.context_mark.line + 1, error.context_mark.column + 1)
        found += f"; reading stopped in line {stopped}" if stopped != position[0] else ""
    return position, found, expected, remedy
