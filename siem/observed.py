"""What events name that is worth looking for elsewhere: addresses, users, hosts."""

from collections.abc import Iterable

from kernel.errors import Invalid
from kernel.i18n import N_
from siem.ecs import Document, values
from siem.model import SEVERITY

# kind -> where documents hold it
_FIELDS = {
    "ip": ("related.ip", "source.ip", "destination.ip"),
    "user": ("related.user", "user.name"),
    "host": ("related.hosts", "host.name"),
}
OBSERVABLE_KINDS = tuple(_FIELDS)
# the field of a search for a value of that kind
SEARCHED = {"ip": "related.ip", "user": "related.user", "host": "host.name"}


def observed_in(events: Iterable[Document]) -> list[tuple[str, str]]:
    """Kind and value of each, sorted; values are cut at 300 characters."""
    seen = {
        (kind, str(value)[:300])
        for event in events
        for kind, fields in _FIELDS.items()
        for field in fields
        for value in values(event, field)
    }
    return sorted(seen)


def level_of(text: str) -> str:
    """One of the rules' levels; Invalid otherwise."""
    if text not in SEVERITY:
        raise Invalid(N_("There is no level %(level)s."), place="level", level=text[:40])
    return text
