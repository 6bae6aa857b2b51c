"""Compiles the condition tree that pySigma parsed into one predicate and the literals without which it can't be true.

Semantics: Sigma Specification 2.1, "Rules": strings compare whole and without case, ``*`` and ``?`` are wildcards, a list means
any of its values; keywords are looked for anywhere in the event.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Any

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SpecialChars,
)

from kernel.errors import Invalid
from kernel.i18n import N_
from siem.detection.view import View

Predicate = Callable[[View], bool]
Literals = (
    frozenset[str] | None
)  # at least one of them occurs in the text of every event that matches; None: unknown

SHORTEST = 3  # a literal shorter than this sorts nothing out
LONGEST_VALUE = 16_384  # characters of a value that a rule's regular expression gets to see

_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: re.IGNORECASE,
    SigmaRegularExpressionFlag.MULTILINE: re.MULTILINE,
    SigmaRegularExpressionFlag.DOTALL: re.DOTALL,
}


def compile_condition(node: Any) -> tuple[Predicate, Literals]:
    """Compile a tree; Invalid for a kind of value that can't be evaluated on a single event."""
    match node:
        case ConditionAND():
            return _all([compile_condition(part) for part in node.args])
        case ConditionOR():
            return _any([compile_condition(part) for part in node.args])
        case ConditionNOT():
            inner, _ = compile_condition(node.args[0])
            return (lambda view: not inner(view)), None
        case ConditionFieldEqualsValueExpression():
            return _field(node.field, node.value)
        case ConditionValueExpression():
            return _keyword(node.value)
    raise Invalid(N_("The condition %(kind)s is not supported."), kind=type(node).__name__)


def _all(parts: list[tuple[Predicate, Literals]]) -> tuple[Predicate, Literals]:
    predicates = [predicate for predicate, _ in parts]
    known = [literals for _, literals in parts if literals is not None]
    best = max(known, key=lambda literals: (min(map(len, literals)), -len(literals)), default=None)
    return (lambda view: all(predicate(view) for predicate in predicates)), best


def _any(parts: list[tuple[Predicate, Literals]]) -> tuple[Predicate, Literals]:
    predicates = [predicate for predicate, _ in parts]
    known = [literals for _, literals in parts if literals is not None]
    union = frozenset[str]().union(*known) if len(known) == len(parts) else None
    return (lambda view: any(predicate(view) for predicate in predicates)), union


def _field(field: str, value: Any) -> tuple[Predicate, Literals]:
    match value:
        case SigmaCasedString():
            return _cased(field, value)
        case SigmaString():
            test, literals = _string(value)
            return (lambda view: any(test(text) for text in view.lower(field))), literals
        case SigmaNumber():
            wanted = str(value.number)
            return (lambda view: wanted in view.lower(field)), None
        case SigmaBool():
            truth = str(value.boolean).lower()
            return (lambda view: truth in view.lower(field)), None
        case SigmaNull():
            return (lambda view: not any(view.lower(field))), None
        case SigmaExists():
            exists = bool(value.exists)
            return (lambda view: (field in view.document) is exists), None
        case SigmaRegularExpression():
            search = _regex(value)
            return (lambda view: any(search(str(text)[:LONGEST_VALUE]) for text in view.raw(field))), None
        case SigmaCIDRExpression():
            return _cidr(field, value), None
        case SigmaCompareExpression():
            return _compare(field, value), None
        case SigmaFieldReference():
            return _reference(field, value), None
        case SigmaExpansion():
            return _any([_field(field, inner) for inner in value.values])
    raise _unsupported(value)


def _keyword(value: Any) -> tuple[Predicate, Literals]:
    match value:
        case SigmaRegularExpression():
            search = _regex(value)
            return (lambda view: bool(search(view.text))), None
        case SigmaString():
            if not any(_pieces(value)):
                raise Invalid(N_("An empty keyword matches everything."))
            found = re.compile(_pattern(value), re.DOTALL)
            return (lambda view: bool(found.search(view.text))), _literals(value)
        case SigmaNumber():
            wanted = str(value.number)
            return (lambda view: wanted in view.text), None
        case SigmaExpansion():
            return _any([_keyword(inner) for inner in value.values])
    raise _unsupported(value)


def _unsupported(value: Any) -> Invalid:
    return Invalid(
        N_("Values of the kind %(kind)s are not supported."),
        mend=N_("Write the rule without this modifier."),
        kind=type(value).__name__,
    )


def _pieces(value: SigmaString) -> list[str]:
    return [part.lower() for part in value.s if isinstance(part, str)]


def _literals(value: SigmaString) -> Literals:
    longest = max(_pieces(value), key=len, default="")
    return frozenset({longest}) if len(longest) >= SHORTEST else None


def _pattern(value: SigmaString, *, lower: bool = True) -> str:
    special: dict[Any, str] = {SpecialChars.WILDCARD_MULTI: ".*", SpecialChars.WILDCARD_SINGLE: "."}
    return "".join(
        re.escape(part.lower() if lower else part) if isinstance(part, str) else special[part]
        for part in value.s
    )


def _string(value: SigmaString) -> tuple[Callable[[str], bool], Literals]:
    """The commonest forms without a regular expression: whole, begins, ends, contains."""
    parts, star = list(value.s), SpecialChars.WILDCARD_MULTI
    pieces, literals = _pieces(value), _literals(value)
    if not parts:
        return (lambda text: text == ""), None
    if len(pieces) == 1 and SpecialChars.WILDCARD_SINGLE not in parts:
        piece = pieces[0]
        begins, ends = parts[0] is star, parts[-1] is star
        if begins and ends:
            return (lambda text: piece in text), literals
        if begins:
            return (lambda text: text.endswith(piece)), literals
        if ends:
            return (lambda text: text.startswith(piece)), literals
        return (lambda text: text == piece), literals
    fits = re.compile(_pattern(value), re.DOTALL).fullmatch
    return (lambda text: fits(text) is not None), literals


def _cased(field: str, value: SigmaCasedString) -> tuple[Predicate, Literals]:
    fits = re.compile(_pattern(value, lower=False), re.DOTALL).fullmatch
    return (lambda view: any(fits(str(text)) for text in view.raw(field))), _literals(value)


def _regex(value: SigmaRegularExpression) -> Callable[[str], Any]:
    flags = 0
    for flag in value.flags:
        flags |= _FLAGS[flag]
    try:
        return re.compile(str(value.regexp), flags).search
    except re.error as error:
        raise Invalid(N_("The regular expression is wrong: %(detail)s"), detail=error) from None


def _cidr(field: str, value: SigmaCIDRExpression) -> Predicate:
    network = value.network

    def within(text: str) -> bool:
        try:
            return ipaddress.ip_address(text) in network
        except ValueError:
            return False

    return lambda view: any(within(text) for text in view.lower(field))


def _compare(field: str, value: SigmaCompareExpression) -> Predicate:
    limit = float(value.number.number)
    operators: dict[str, Callable[[float], bool]] = {
        "LT": lambda number: number < limit,
        "LTE": lambda number: number <= limit,
        "GT": lambda number: number > limit,
        "GTE": lambda number: number >= limit,
    }
    test = operators.get(value.op.name)
    if test is None:
        raise _unsupported(value)
    return lambda view: any(test(number) for number in _numbers(view.raw(field)))


def _numbers(found: Iterable[Any]) -> Iterable[float]:
    for value in found:
        try:
            yield float(value)
        except (TypeError, ValueError):
            continue


def _reference(field: str, value: SigmaFieldReference) -> Predicate:
    other = value.field

    def same(view: View) -> bool:
        wanted = view.lower(other)
        if value.starts_with:
            return any(text.startswith(start) for text in view.lower(field) for start in wanted)
        if value.ends_with:
            return any(text.endswith(end) for text in view.lower(field) for end in wanted)
        return bool(set(view.lower(field)) & set(wanted))

    return same
