"""The query model in Elasticsearch's DSL, and the index templates made from the ECS table."""

from typing import Any

from siem.ecs import LONGEST_TERM, PATTERNS, FieldKind
from siem.query import (
    Aggregation,
    Bool,
    Cardinality,
    DateHistogram,
    Exists,
    Greatest,
    Least,
    Match,
    MatchAll,
    MatchPhrase,
    Prefix,
    Query,
    Range,
    Term,
    Terms,
    TermsAgg,
    Wildcard,
    bound,
)

# the same words as siem.ecs.words: one for each Han character, otherwise runs of letters and digits
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\x{20000}-\x{3134f}"
_WORDS = rf"([{_HAN}]|[\p{{L}}\p{{N}}&&[^{_HAN}]]+)"

_KEYWORD = {"type": "keyword", "normalizer": "lowercase", "ignore_above": LONGEST_TERM}
_MAPPINGS: dict[FieldKind, dict[str, Any]] = {
    FieldKind.DATE: {"type": "date"},
    FieldKind.IP: {"type": "ip", "ignore_malformed": True},
    FieldKind.LONG: {"type": "long", "ignore_malformed": True},
    FieldKind.DOUBLE: {"type": "double", "ignore_malformed": True},
    FieldKind.BOOLEAN: {"type": "boolean"},
    FieldKind.TEXT: {"type": "text", "analyzer": "words"},
    FieldKind.SOURCE: {"type": "keyword", "index": False, "doc_values": False},
    FieldKind.KEYWORD: _KEYWORD,
}


def settings() -> dict[str, Any]:
    """Settings of every backing index."""
    return {
        "index": {
            "number_of_shards": 1,
            "auto_expand_replicas": "0-1",
            "mapping": {"total_fields": {"limit": 4000, "ignore_dynamic_beyond_limit": True}},
            "analysis": {
                "tokenizer": {"words": {"type": "pattern", "pattern": _WORDS, "group": 1}},
                "analyzer": {"words": {"type": "custom", "tokenizer": "words", "filter": ["lowercase"]}},
            },
        }
    }


def mappings() -> dict[str, Any]:
    """ECS types: named fields as they are, families (``*.ip``) and all other strings by dynamic templates."""
    named = {pattern: _MAPPINGS[kind] for pattern, kind in PATTERNS if "*" not in pattern}
    families = [
        {f"family-{number}": {"path_match": pattern, "mapping": _MAPPINGS[kind]}}
        for number, (pattern, kind) in enumerate(PATTERNS)
        if "*" in pattern
    ]
    strings = {"strings": {"match_mapping_type": "string", "mapping": _KEYWORD}}
    return {
        "date_detection": False,
        "numeric_detection": False,
        "dynamic_templates": [*families, strings],
        "properties": {**named, "event.id": _KEYWORD},
    }


def translate(query: Query) -> dict[str, Any]:
    """One query."""
    match query:
        case MatchAll():
            return {"match_all": {}}
        case Bool():
            return _bool(query)
        case Term(name, value):
            return {"term": {name: {"value": value}}}
        case Terms(name, values):
            return {"terms": {name: list(values)}}
        case Range():
            return {"range": {query.field: _bounds(query)}}
        case Match(name, text):
            return {"match": {name: {"query": text, "operator": "and"}}}
        case MatchPhrase(name, text):
            return {"match_phrase": {name: text}}
        case Prefix(name, value):
            return {"prefix": {name: {"value": value.lower()}}}
        case Wildcard(name, pattern):
            return {"wildcard": {name: {"value": pattern.lower()}}}
        case Exists(name):
            return {"exists": {"field": name}}


def _bool(query: Bool) -> dict[str, Any]:
    made: dict[str, Any] = {
        "filter": [translate(part) for part in query.must],
        "must_not": [translate(part) for part in query.must_not],
    }
    if query.should:
        made |= {"should": [translate(part) for part in query.should], "minimum_should_match": 1}
    return {"bool": made}


def _bounds(query: Range) -> dict[str, Any]:
    limits: dict[str, Any] = {name: bound(query.field, limit) for name, limit in query.bounds().items()}
    is_date = dict(PATTERNS).get(query.field) is FieldKind.DATE
    return limits | ({"format": "epoch_millis"} if is_date else {})


def translate_aggregation(aggregation: Aggregation) -> dict[str, Any]:
    """One aggregation."""
    match aggregation:
        case TermsAgg(name, size):
            return {"terms": {"field": name, "size": size}}
        case DateHistogram(interval, name):
            return {"date_histogram": {"field": name, "fixed_interval": f"{interval}s", "min_doc_count": 1}}
        case Cardinality(name):
            return {"cardinality": {"field": name, "precision_threshold": 40_000}}
        case Least(name):
            return {"min": {"field": name}}
        case Greatest(name):
            return {"max": {"field": name}}
