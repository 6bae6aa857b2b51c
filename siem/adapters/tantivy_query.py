"""The query model and the documents in tantivy's terms.

Whole values are kept as terms ``field=value`` of one text field, so that exact, prefix, wildcard and network
questions work on any field without a schema; numbers and aggregations use a JSON field; words use another.
"""

import ipaddress
from functools import lru_cache
from typing import Any

import orjson
import tantivy
from tantivy import FieldType, Occur

from siem.ecs import Document, FieldKind, kind_of, millis, normal, values, words
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
    Terms,
    Wildcard,
    bound,
    is_network,
    literal,
    wildcard_regex,
)

WORDS = "words"


def schema() -> tantivy.Schema:
    """The fields of every daily index. Changing them needs a new folder name (tantivy_events.FOLDER)."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("time", indexed=True, fast=True)
    builder.add_integer_field("ingested", indexed=True, fast=True)
    builder.add_text_field("terms", tokenizer_name="raw", index_option="basic")
    builder.add_json_field(
        "ecs", fast=True, tokenizer_name="raw", index_option="basic", expand_dots_enabled=True
    )
    builder.add_json_field("text", tokenizer_name=WORDS, index_option="position", expand_dots_enabled=True)
    builder.add_bytes_field("source", stored=True)
    return builder.build()


def to_tantivy(document: Document) -> tantivy.Document:
    """One document as tantivy takes it; the original is kept as JSON beside the indexed forms."""
    made = tantivy.Document()
    made.add_text("id", document["event.id"])
    made.add_integer("time", millis(document["@timestamp"]))
    made.add_integer("ingested", millis(document["event.ingested"]))
    made.add_bytes("source", orjson.dumps(document))
    columns: dict[str, Any] = {}
    text: dict[str, str] = {}
    for name in document:
        kind = kind_of(name)
        if kind is FieldKind.SOURCE:
            continue
        if kind is FieldKind.TEXT:
            made.add_text("terms", f"{name}?")
            text[name] = " ".join(words(" ".join(map(str, values(document, name)))))
            continue
        normals = [
            value for value in (normal(name, raw) for raw in values(document, name)) if value is not None
        ]
        for value in normals:
            made.add_text("terms", _term(name, value))
        if normals:
            made.add_text("terms", f"{name}?")
            columns[name] = normals if len(normals) > 1 else normals[0]
    made.add_json("ecs", columns)
    if text:
        made.add_json("text", text)
    return made


def _term(name: str, value: Any) -> str:
    """``field=value``; addresses as 32 hex digits, so that a network is a prefix."""
    if kind_of(name) is FieldKind.IP:
        return f"{name}={_hex(value)}"
    return f"{name}={value}"


@lru_cache(maxsize=16_384)
def _hex(address: str) -> str:
    parsed = ipaddress.ip_address(address)
    number = int(parsed)
    return f"{number + (0xFFFF << 32) if parsed.version == 4 else number:032x}"


class Translator:
    """Translates questions for one schema."""

    def __init__(self, index: tantivy.Index) -> None:
        self._index = index
        self._schema = index.schema

    def translate(self, query: Query) -> tantivy.Query:
        match query:
            case MatchAll():
                return tantivy.Query.all_query()
            case Bool():
                return self._bool(query)
            case Term(name, value):
                return self._value(name, value)
            case Terms(name, wanted):
                return self._any([self._value(name, value) for value in wanted])
            case Range():
                return self._range(query)
            case Match(name, text):
                return self._all([self._word(name, word) for word in words(text)])
            case MatchPhrase(name, text):
                return self._phrase(name, words(text))
            case Prefix(name, value):
                return self._regex(f"{literal(f'{name}={value.lower()}')}.*")
            case Wildcard(name, pattern):
                return self._regex(f"{literal(name)}={wildcard_regex(pattern.lower())}")
            case Exists(name):
                return tantivy.Query.term_query(self._schema, "terms", f"{name}?")

    def between(self, column: str, low: int | None, high: int | None) -> tantivy.Query:
        """``time`` or ``ingested`` from low to high, both included."""
        return tantivy.Query.range_query(self._schema, column, FieldType.Integer, low, high)

    def ids(self, names: list[str]) -> tantivy.Query:
        return tantivy.Query.term_set_query(self._schema, "id", names)

    def _value(self, name: str, value: Scalar) -> tantivy.Query:
        if kind_of(name) is FieldKind.IP and is_network(str(value)):
            return self._network(name, str(value))
        wanted = normal(name, value)
        if wanted is None:
            return tantivy.Query.empty_query()
        return tantivy.Query.term_query(self._schema, "terms", _term(name, wanted))

    def _network(self, name: str, network: str) -> tantivy.Query:
        """Addresses are hex digits: the whole digits of the prefix, then the digits its last bits leave open."""
        parsed = ipaddress.ip_network(network)
        bits = parsed.prefixlen + (96 if parsed.version == 4 else 0)
        digits = _hex(str(parsed.network_address))
        whole, rest = divmod(bits, 4)
        pattern = f"{literal(name)}={digits[:whole]}"
        if rest:
            first = int(digits[whole], 16)
            pattern += "[" + "".join(f"{first + step:x}" for step in range(1 << 4 - rest)) + "]"
        return self._regex(pattern + ".*")

    def _range(self, query: Range) -> tantivy.Query:
        bounds = {name: bound(query.field, limit) for name, limit in query.bounds().items()}
        column = {"@timestamp": "time", "event.ingested": "ingested"}.get(query.field)
        if column is not None:
            lows = [int(bounds["gte"])] if "gte" in bounds else []
            lows += [int(bounds["gt"]) + 1] if "gt" in bounds else []
            highs = [int(bounds["lte"])] if "lte" in bounds else []
            highs += [int(bounds["lt"]) - 1] if "lt" in bounds else []
            return self.between(column, max(lows, default=None), min(highs, default=None))
        asked = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}
        parts = [f"ecs.{query.field}:{asked[name]}{limit}" for name, limit in bounds.items()]
        return self._all(
            [self._index.parse_query(part) for part in parts] or [self.translate(Exists(query.field))]
        )

    def _word(self, name: str, word: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, f"text.{name}", word)

    def _phrase(self, name: str, wanted: list[str]) -> tantivy.Query:
        if len(wanted) < 2:
            return self._all([self._word(name, word) for word in wanted])
        return tantivy.Query.phrase_query(self._schema, f"text.{name}", list(wanted))

    def _regex(self, pattern: str) -> tantivy.Query:
        return tantivy.Query.regex_query(self._schema, "terms", pattern)

    def _bool(self, query: Bool) -> tantivy.Query:
        parts = [(Occur.Must, self.translate(part)) for part in query.must]
        if query.should:
            parts.append((Occur.Must, self._any([self.translate(part) for part in query.should])))
        parts += [(Occur.MustNot, self.translate(part)) for part in query.must_not]
        if not query.must and not query.should:
            parts.append((Occur.Must, tantivy.Query.all_query()))
        return tantivy.Query.boolean_query(parts)

    @staticmethod
    def _all(parts: list[tantivy.Query]) -> tantivy.Query:
        return (
            tantivy.Query.boolean_query([(Occur.Must, part) for part in parts])
            if parts
            else tantivy.Query.empty_query()
        )

    @staticmethod
    def _any(parts: list[tantivy.Query]) -> tantivy.Query:
        return (
            tantivy.Query.boolean_query([(Occur.Should, part) for part in parts])
            if parts
            else tantivy.Query.empty_query()
        )
