"""What the transparency log tells, on the pages of certificates and of entries: each entry with its way to a signed root."""

from collections.abc import Mapping, Sequence
from typing import Any

from ca.resources.certificates import CertificateRecord
from ca.resources.restarts import FAULTS
from ca.resources.transparency import ENTRY_TYPES, EntryRecord, HeadRecord
from ca.transparency.model import Fault, Inclusion
from console.compose.app import App
from console.web.engine.links import item_url, list_url
from kernel.edges.resources import Label, Tone
from kernel.errors import Conflict, Unavailable
from kernel.i18n import N_
from kernel.identity.model import Principal

_HOLDS = Label(N_("The proof holds"), Tone.GOOD)
_BROKEN = Label(N_("The proof does not hold"), Tone.BAD)


def of_certificate(app: App, principal: Principal, record: CertificateRecord) -> Mapping[str, Any]:
    """Everything that the log tells of the certificate."""
    return _told(app.ca.log.told_of(principal, record.serial))


def of_entry(app: App, principal: Principal, record: EntryRecord) -> Mapping[str, Any]:
    """The proof of one entry; nothing while no signed head covers it, or none is to be had."""
    try:
        return _told([app.ca.log.prove(principal, record.id)])
    except (Conflict, Unavailable) as error:
        return {"found": [], "why": error.text()}


def of_head(app: App, principal: Principal, _record: HeadRecord) -> Mapping[str, Any]:
    """How the log stands now."""
    state = app.ca.log.state(principal)
    restarts = "" if state.fault is Fault.NONE else list_url("ca.log-restarts")
    return {"state": state, "fault": FAULTS[state.fault], "restarts": restarts}


def _told(found: Sequence[Inclusion]) -> Mapping[str, Any]:
    told = [(one, ENTRY_TYPES[one.entry.type], _HOLDS if one.holds else _BROKEN) for one in found]
    heads = {one.head.number: item_url("ca.tree-heads", str(one.head.number)) for one in found}
    return {"found": told, "heads": heads, "why": ""}
