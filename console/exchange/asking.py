"""From the arguments of a URL to what a list is asked for, and back."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from urllib.parse import urlencode

from kernel.edges.resources import Filter, FilterKind, Resource
from kernel.errors import Invalid
from kernel.i18n import N_
from kernel.store.listing import MOST, Ask

_FILTER = re.compile(r"filter\[([a-z_]{1,60})\]")
_KNOWN = ("q", "sort", "cursor", "limit")
VALUES = 50  # of one filter

Arguments = Mapping[str, Sequence[str]]  # every value of each name


def ask_of(
    resource: Resource,
    arguments: Arguments,
    *,
    limit: int = 50,
    also: Iterable[str] = (),
    zone: tzinfo = UTC,
) -> Ask:
    """``q``, ``filter[name]`` (may be repeated), ``sort``, ``cursor``, ``limit``; Invalid names what is unknown.

    ``also`` are further names that the edge reads itself; times without a zone are in ``zone``. Empty filters of a form
    that was sent without them are left out.
    """
    filters: dict[str, tuple[str, ...]] = {}
    known = {one.name: one for one in resource.filters}
    for name, values in arguments.items():
        found = _FILTER.fullmatch(name)
        if found and found[1] in known:
            filters[found[1]] = _values(known[found[1]], values, zone)
        elif found:
            raise Invalid(
                N_("This list has no filter %(name)s; it has: %(known)s"),
                name=found[1],
                known=", ".join(sorted(known)) or "-",
            )
        elif name not in (*_KNOWN, *also):
            raise Invalid(N_("The parameter %(name)s is not known here."), name=name[:60])
    return Ask(
        text=_one(arguments, "q"),
        filters={name: values for name, values in filters.items() if values},
        sort=_one(arguments, "sort"),
        cursor=_one(arguments, "cursor"),
        limit=_limit(_one(arguments, "limit"), limit),
    )


def query_of(ask: Ask) -> str:
    """The query string that asks for the same, without its leading question mark."""
    pairs = [("q", ask.text)] if ask.text else []
    pairs += [(f"filter[{name}]", value) for name, values in ask.filters.items() for value in values]
    pairs += [("sort", ask.sort)] if ask.sort else []
    pairs += [("cursor", ask.cursor)] if ask.cursor else []
    return urlencode(pairs)


def _values(one: Filter, values: Sequence[str], zone: tzinfo) -> tuple[str, ...]:
    if len(values) > VALUES:
        raise Invalid(N_("A filter takes at most %(most)s values."), place=one.name, most=VALUES)
    if one.kind is FilterKind.CHOICE:
        return tuple(values)
    given = tuple(value for value in values if value.strip())
    return tuple(_zoned(value, zone) for value in given) if one.kind is FilterKind.TIME else given


def _zoned(text: str, zone: tzinfo) -> str:
    """With its zone; what is no time is left for the list to refuse."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return found.replace(tzinfo=zone).isoformat() if found.tzinfo is None else text


def _one(arguments: Arguments, name: str) -> str:
    values = arguments.get(name, ())
    return values[-1] if values else ""


def _limit(text: str, default: int) -> int:
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MOST:
        raise Invalid(N_("limit is a whole number from 1 to %(most)s."), place="limit", most=MOST)
    return int(text)
