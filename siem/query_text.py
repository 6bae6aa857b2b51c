"""The query language of users, turned into the query model.

    source.ip:10.1.0.0/16 AND event.outcome:failure AND NOT user.name:backup*
    病毒 OR message:"link down" OR destination.port>=1024

A bare word or phrase looks into ``message``. AND binds stronger than OR; between terms without an operator AND is meant.
"""

import re
from dataclasses import dataclass

from kernel.errors import Invalid
from kernel.i18n import N_
from siem.ecs import FieldKind, kind_of
from siem.query import (
    Bool,
    Exists,
    Match,
    MatchAll,
    MatchPhrase,
    Prefix,
    Query,
    Range,
    Scalar,
    Term,
    Wildcard,
)

LONGEST = 4_000
DEEPEST = 20
_TOKEN = re.compile(
    r"\s*(?:(?P<open>\()|(?P<close>\))|(?P<word>AND|OR|NOT)(?=[\s()]|$)"
    r"|(?:(?P<field>[@A-Za-z_][\w.@-]*)(?P<op>>=|<=|>|<|:))?"
    r"(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<plain>[^\s()\"]+)))"
)
_BOUNDS = {">=": "gte", ">": "gt", "<=": "lte", "<": "lt"}


@dataclass(frozen=True)
class _Token:
    kind: str  # open, close, AND, OR, NOT, leaf, end
    place: int
    query: Query | None = None


def parse_query(text: str) -> Query:
    """The query a text stands for; everything for an empty one. Invalid names the column of a mistake."""
    if len(text) > LONGEST:
        raise Invalid(N_("The query is longer than %(most)s characters."), most=LONGEST)
    tokens = _tokens(text)
    if tokens[0].kind == "end":
        return MatchAll()
    query, position = _or(tokens, 0, 0)
    if tokens[position].kind != "end":
        raise _wrong(tokens[position])
    return query


def _tokens(text: str) -> list[_Token]:
    found, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise Invalid(
                N_("The query can't be read from column %(column)s on."),
                mend=N_("Close every quotation mark."),
                column=position + 1,
            )
        place = match.start() + 1
        if match["open"] or match["close"]:
            found.append(_Token("open" if match["open"] else "close", place))
        elif match["word"]:
            found.append(_Token(match["word"], place))
        else:
            found.append(_Token("leaf", place, _leaf(match)))
        position = match.end()
    return [*found, _Token("end", len(text) + 1)]


def _leaf(match: re.Match[str]) -> Query:
    quoted = match["quoted"] is not None
    value = re.sub(r"\\(.)", r"\1", match["quoted"]) if quoted else match["plain"]
    field, operator = match["field"] or "message", match["op"] or ":"
    if operator != ":":
        bounds = {_BOUNDS[operator]: _scalar(field, value)}
        return Range(field, **bounds)
    if kind_of(field) is FieldKind.TEXT:
        return MatchPhrase(field, value) if quoted or not value.isascii() else Match(field, value)
    if quoted:
        return Term(field, _scalar(field, value))
    if value == "*":
        return Exists(field)
    if value.endswith("*") and not set("*?\\") & set(value[:-1]):
        return Prefix(field, value[:-1])
    if set("*?") & set(value):
        return Wildcard(field, value)
    return Term(field, _scalar(field, value))


def _scalar(field: str, value: str) -> Scalar:
    kind = kind_of(field)
    if kind is FieldKind.BOOLEAN and value in ("true", "false"):
        return value == "true"
    if kind in (FieldKind.LONG, FieldKind.DOUBLE):
        try:
            return int(value) if kind is FieldKind.LONG else float(value)
        except ValueError:
            return value  # the query's check names field and value
    return value


def _or(tokens: list[_Token], position: int, depth: int) -> tuple[Query, int]:
    first, position = _and(tokens, position, depth)
    parts = [first]
    while tokens[position].kind == "OR":
        part, position = _and(tokens, position + 1, depth)
        parts.append(part)
    return (Bool(should=tuple(parts)) if len(parts) > 1 else first), position


def _and(tokens: list[_Token], position: int, depth: int) -> tuple[Query, int]:
    must: list[Query] = []
    must_not: list[Query] = []
    while True:
        negated = tokens[position].kind == "NOT"
        part, position = _one(tokens, position + negated, depth)
        (must_not if negated else must).append(part)
        if tokens[position].kind == "AND":
            position += 1
        elif tokens[position].kind not in ("open", "leaf", "NOT"):
            break
    if len(must) == 1 and not must_not:
        return must[0], position
    return Bool(must=tuple(must), must_not=tuple(must_not)), position


def _one(tokens: list[_Token], position: int, depth: int) -> tuple[Query, int]:
    token = tokens[position]
    if token.kind == "leaf" and token.query is not None:
        return token.query, position + 1
    if token.kind != "open" or depth >= DEEPEST:
        raise _wrong(token)
    query, position = _or(tokens, position + 1, depth + 1)
    if tokens[position].kind != "close":
        raise _wrong(tokens[position])
    return query, position + 1


def _wrong(token: _Token) -> Invalid:
    return Invalid(
        N_("The query is wrong at column %(column)s."),
        mend=N_("Write terms like source.ip:10.0.0.1, joined by AND, OR, NOT and brackets."),
        column=token.place,
    )


def with_term(text: str, field: str, value: object, *, wanted: bool = True) -> str:
    """The query narrowed to events that have (or, not ``wanted``, have not) that value; brackets only where they matter."""
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    term = f'{field}:"{escaped}"' if wanted else f'NOT {field}:"{escaped}"'
    begun = text.strip()
    if not begun:
        return term
    loose = re.search(r"(?<!\S)OR(?!\S)", re.sub(r'"(?:[^"\\]|\\.)*"', '""', begun))
    return f"({begun}) AND {term}" if loose else f"{begun} AND {term}"
