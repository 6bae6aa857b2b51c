"""The signer and its keys.

Shares never pass through console or API (adr 0035): officers present them on the command line, and the page says how.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from ca.resources.labels import (
    SIGNER_ROLES,
    key_algorithms,
)
from ca.signer.control import KeyStatus, SetStatus, SignerStatus
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    Input,
    Label,
    Labels,
    Record,
    Related,
    Resource,
    Tone,
    Verb,
)
from kernel.edges.shared import Reason, reason_field
from kernel.errors import NotFound
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page, page_of

_P = Permission
SIGNER_STATES: Labels = {
    "active": Label(N_("signs"), Tone.GOOD),
    "waiting": Label(N_("waits for officers' shares"), Tone.WARN),
    "faulty": Label(N_("a place of keys does not answer"), Tone.BAD),
    "absent": Label(N_("does not run"), Tone.BAD),
}
OPENED_BY: Labels = {
    "settings": Label(N_("the secrets of its settings")),
    "shares": Label(N_("officers' shares"), Tone.GOOD),
}
PLACES: Labels = {"file": Label(N_("key file")), "token": Label(N_("HSM (PKCS#11)"), Tone.GOOD)}
_ACTIVATE = N_(
    "Shares still needed: %(count)s. Each holder, signed in on the server under the own account:"
    " weicheng ca signer activate SHARE-FILE (- and the text, from paper). No share is entered in the console: whoever had"
    " broken into it would gather them."
)
_AGREE = N_(
    "The holders of the present shares agree to the new ones, each signed in on the server: weicheng ca signer activate"
    " SHARE-FILE"
)
_COLLECT = N_(
    "Each new holder collects a share, signed in on the server: weicheng ca signer shares collect SHARE-FILE. When all have"
    " confirmed, the new shares are in force."
)
_BY_STATE = {
    "absent": N_(
        "Start it on the server: weicheng serve signer. Until then nothing is signed; revocations are stored."
    ),
    "faulty": N_(
        "Put in order what does not answer (below); signing goes on by itself. See docs/operate/hsm.md."
    ),
}


class SignerRecord(Record):
    moving = frozenset({"minutes_left"})
    id: str
    state: str
    next_step: str
    opened_by: str
    present: int
    threshold: int
    holders: tuple[str, ...]
    minutes_left: int | None
    places: tuple[str, ...]
    renewal: tuple[str, ...]
    no_core_dump: bool
    memory_locked: bool
    no_network: bool


def signer_record(found: SignerStatus) -> SignerRecord:
    return SignerRecord(
        id="signer",
        state=found.state,
        next_step=_next(found),
        opened_by="shares" if found.shares else "settings",
        present=found.present,
        threshold=found.shares.threshold if found.shares else 0,
        holders=_holders(found.shares, N_("present")),
        minutes_left=None if found.seconds_left is None else int(found.seconds_left // 60),
        places=tuple(_place(one.place, one.where, one.fault) for one in found.places),
        renewal=_holders(found.new, N_("has confirmed")),
        no_core_dump=found.no_core_dump,
        memory_locked=found.memory_locked,
        no_network=found.no_network,
    )


def _next(found: SignerStatus) -> str:
    """What officers have to do now, with the command; "" for nothing."""
    if found.state == "waiting" and found.shares is not None:
        return translate(_ACTIVATE, count=found.shares.threshold - found.present)
    if found.new is not None:
        return translate(_COLLECT if found.new.agreed else _AGREE)
    return translate(_BY_STATE[found.state]) if found.state in _BY_STATE else ""


def _holders(found: SetStatus | None, there: str) -> tuple[str, ...]:
    shares = found.shares if found else ()
    return tuple(
        f"{one.number} {one.name}" + (f" · {translate(there)}" if one.there else "") for one in shares
    )


def _place(place: str, where: str, fault: Any) -> str:
    told = f"{translate(PLACES[place].text)} {where}"
    return told if fault is None else f"{told}: {fault.text()}"


def _signers(app: Any, principal: Principal, ask: Ask) -> Page[SignerRecord]:
    found = [signer_record(one) for one in app.ca.custody.seen(principal)]
    return page_of(found, ask, key=lambda one: one.id, text=lambda one: (one.id, *one.places), filters={})


def _signer(app: Any, principal: Principal, signer_id: str) -> SignerRecord:
    found = [signer_record(one) for one in app.ca.custody.seen(principal)]
    if signer_id not in [one.id for one in found]:
        raise NotFound(N_("There is no signer %(name)s."), name=signer_id[:60])
    return found[0]


def _deactivate(app: Any, principal: Principal, signer_id: str, given: Reason) -> Done:
    found = app.ca.custody.deactivate(principal, given.reason)
    return Done(
        N_("The signer has forgotten its keys; it signs again when enough officers present their shares."),
        record=signer_record(found),
        id=signer_id,
    )


class NewShares(Input):
    threshold: int = Field(
        title=N_("Shares that have to come together"), description=N_("At least two."), ge=2, le=16
    )
    officers: tuple[str, ...] = Field(title=N_("Officers who each get a share"), min_length=2, max_length=16)
    reason: str = reason_field()


def _begin(app: Any, principal: Principal, signer_id: str, given: NewShares) -> Done:
    found = app.ca.custody.begin(principal, given.threshold, given.officers, given.reason)
    return Done(
        N_("New shares are ready. Each officer collects one: weicheng ca signer shares collect."),
        record=signer_record(found),
        id=signer_id,
    )


def _cancel(app: Any, principal: Principal, signer_id: str, given: Reason) -> Done:
    found = app.ca.custody.cancel(principal, given.reason)
    return Done(
        N_("The new shares are dropped; nothing has changed."), record=signer_record(found), id=signer_id
    )


def _officers(app: Any, principal: Principal) -> Mapping[str, str]:
    found: Mapping[str, str] = app.ca.custody.officers(principal)
    return found


SIGNERS = Resource(
    name="ca.signers",
    title=N_("Signer"),
    one=N_("Signer"),
    permission=_P.CA_SIGNER_READ,
    record=SignerRecord,
    page=_signers,
    item=_signer,
    columns=(
        Column("id", N_("Process"), Cell.CODE),
        Column("state", N_("State"), Cell.STATE, SIGNER_STATES),
        Column("next_step", N_("What to do"), Cell.LONG, shown=False),
        Column("opened_by", N_("Keys opened by"), Cell.STATE, OPENED_BY),
        Column("present", N_("Shares present"), Cell.NUMBER),
        Column("threshold", N_("Shares needed"), Cell.NUMBER),
        Column("holders", N_("Holders of the shares"), Cell.LIST),
        Column("minutes_left", N_("Minutes until it is inactive"), Cell.NUMBER, shown=False),
        Column("places", N_("Where its keys lie"), Cell.LIST),
        Column("renewal", N_("New shares under way"), Cell.LIST, shown=False),
        Column("no_core_dump", N_("Closed to core dumps and debuggers"), Cell.FLAG, shown=False),
        Column("memory_locked", N_("Memory never swapped"), Cell.FLAG, shown=False),
        Column("no_network", N_("Without network"), Cell.FLAG, shown=False),
    ),
    verbs=(
        Verb(
            "deactivate",
            N_("Deactivate"),
            _P.CA_SIGNER_OPERATE,
            _deactivate,
            Reason,
            when=lambda record: record.opened_by == "shares" and record.state in ("active", "faulty"),
            danger=True,
            key="x",
            explain=N_(
                "The signer forgets its keys at once. Nothing is issued, and no list or answer is signed, "
                "until enough officers have presented their shares."
            ),
        ),
        Verb(
            "begin-shares",
            N_("Hand out new shares"),
            _P.CA_SIGNER_OPERATE,
            _begin,
            NewShares,
            when=lambda record: record.state == "active" and not record.renewal,
            choices={"officers": _officers},
            explain=N_(
                "Every officer collects a share on the command line and keeps it under a pass-phrase of their own. "
                "The holders of the present shares agree by presenting them. When all have confirmed, the old shares "
                "open nothing any more."
            ),
        ),
        Verb(
            "cancel-shares",
            N_("Drop the new shares"),
            _P.CA_SIGNER_OPERATE,
            _cancel,
            Reason,
            when=lambda record: bool(record.renewal),
        ),
    ),
    related=(Related(N_("Keys of the signer"), "ca.keys", lambda _record: {}),),
)


class KeyRecord(Record):
    name: str
    role: str
    algorithm: str
    place: str
    fingerprint: str


def key_record(found: KeyStatus) -> KeyRecord:
    return KeyRecord(**vars(found))


def _keys(app: Any, principal: Principal, ask: Ask) -> Page[KeyRecord]:
    return app.ca.custody.keys(principal, ask).map(key_record)  # type: ignore[no-any-return]


def _key(app: Any, principal: Principal, name: str) -> KeyRecord:
    return key_record(app.ca.custody.key(principal, name))


KEYS = Resource(
    name="ca.keys",
    title=N_("Keys of the signer"),
    one=N_("Key of the signer"),
    permission=_P.CA_SIGNER_READ,
    record=KeyRecord,
    page=_keys,
    item=_key,
    key="name",
    columns=(
        Column("name", N_("Name"), Cell.CODE),
        Column("role", N_("What it is for"), Cell.STATE, SIGNER_ROLES),
        Column("algorithm", N_("Key algorithm"), choices=key_algorithms),
        Column("place", N_("Where it lies"), Cell.STATE, PLACES),
        Column("fingerprint", N_("SHA-256 of the public key"), Cell.CODE),
    ),
    filters=(
        Filter("role", N_("What it is for"), labels=SIGNER_ROLES),
        Filter("place", N_("Where it lies"), labels=PLACES),
    ),
    facet="place",
    empty=N_("An active signer shows its keys here; one that waits for shares has none open."),
    audited=False,
)
