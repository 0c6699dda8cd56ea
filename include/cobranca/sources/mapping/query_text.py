"""Tokenize the SQL of a source's query, to refuse all but one ``select``."""

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""
      (?P<comment>--[^\n]*|\#[^\n]*|/\*.*?\*/)
    | (?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    | (?P<open>['"`]|/\*)
    | (?P<word>[^\W\d]\w*)
    | (?P<end>;)
    | (?P<other>\d[\w.]*|.)
    """,
    re.VERBOSE | re.DOTALL,
)

# Statements that change something or leave the one SELECT. The transaction is read-only besides;
# this gives the author a clear error before anything runs.
_REFUSED_WORDS = frozenset(
    (
        "insert update delete merge into create alter drop truncate grant revoke call exec execute "
        "copy"
    ).split()
)


def words_of(query: str, also: str = "") -> Iterator[tuple[str, int]]:
    """The words of a query in lower case with their positions, past comments and quotes.

    ``also`` adds single signs.
    """
    for token in _TOKEN.finditer(query):
        if token.lastgroup == "word" or (token.lastgroup == "other" and token.group() in also):
            yield token.group().lower(), token.start()


def one_select(query: str) -> str:
    """The query without its last semicolon, when it is exactly one SELECT.

    Raises:
        ValueError: it is empty, more than one statement, or something that writes.
    """
    words, ended_at = [], None
    for token in _TOKEN.finditer(query):
        kind, text = token.lastgroup if token.lastgroup != "tag" else "quoted", token.group()
        if kind == "comment":
            if text.startswith("/*!"):
                raise ValueError(
                    "holds an executable comment (/*! ... */); write the SELECT without it"
                )
            continue
        if text.isspace():
            continue
        if kind == "open":
            raise ValueError(f"has an unclosed {'comment' if text == '/*' else 'quote'}; close it")
        if ended_at is not None:
            raise ValueError("holds more than one statement; keep one SELECT per entity")
        if kind == "end":
            ended_at = token.start()
        elif kind == "word":
            words.append(text.lower())
            if text.lower() in _REFUSED_WORDS:
                raise ValueError(
                    f"holds '{text.lower()}', which has no place in a query that only reads; keep "
                    "one plain SELECT"
                )
    if not words or words[0] not in ("select", "with"):
        raise ValueError("is not a SELECT; write one SELECT (it may start with WITH)")
    return query[:ended_at].strip()
