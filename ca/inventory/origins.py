"""Who vouches for a certificate that was seen: our register, a CA that officers trust, somebody else, nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import x509
from sqlalchemy import Connection

from ca import store
from ca.inventory.model import Facts, Origin
from ca.model import AuthorityKind, Certificate, State
from ca.validation import reading
from ca.validation.model import Material, Question, Verdict, Why
from ca.validation.store import AnchorState, living_anchors

_IN_TIME = frozenset({Why.EXPIRED, Why.NOT_YET_VALID, Why.WEAK})  # its path is there all the same


@dataclass(frozen=True)
class Standing:
    """Who vouches for it; of our own the serial and profile ("" for a stranger's), and whether it is revoked or held."""

    origin: Origin
    serial: str = ""
    revoked: bool = False
    profile: str = ""


class Origins:
    """Answers for one scan: it remembers our CAs and the trusted ones."""

    def __init__(self, connection: Connection) -> None:
        own = [one for one in store.read_authorities(connection) if one.kind is not AuthorityKind.SUPERIOR]
        self._names = {one.subject for one in own}
        self._texts = {reading.name_text(x509.Name.load(one.subject)) for one in own}
        roots = [one.subject for one in own if one.kind is AuthorityKind.ROOT]
        self._anchors = [one.certificate for one in living_anchors(connection, (AnchorState.TRUSTED,))]
        trusted = [x509.Certificate.load(one).subject.dump() for one in self._anchors]
        self._roots = {*roots, *trusted}

    def of(self, connection: Connection, facts: Facts, chain: Sequence[bytes], now: datetime) -> Standing:
        """``chain`` is leaf first, empty when only the facts are known."""
        ours = store.certificate_by_fingerprint(connection, facts.fingerprint)
        if ours is not None:
            return Standing(Origin.OURS, ours.serial, _revoked(ours), ours.profile)
        if self._bears_our_name(facts, chain):
            return Standing(Origin.UNKNOWN)
        if facts.self_signed:
            return Standing(Origin.SELF_SIGNED)
        return Standing(Origin.TRUSTED if self._trusted(chain, now) else Origin.FOREIGN)

    def complete(self, chain: Sequence[bytes]) -> bool:
        """Whether what was sent leads further than to the leaf itself, where no root that we know has issued that."""
        if len(chain) != 1:
            return True
        leaf = x509.Certificate.load(chain[0])
        return leaf.issuer.dump() in (self._roots | {leaf.subject.dump()})

    def _bears_our_name(self, facts: Facts, chain: Sequence[bytes]) -> bool:
        if not chain:
            return facts.issuer in self._texts
        return x509.Certificate.load(chain[0]).issuer.dump() in self._names

    def _trusted(self, chain: Sequence[bytes], now: datetime) -> bool:
        if not chain or not self._anchors:
            return False
        from ca.validation import paths

        report = paths.validate(chain[0], Material(self._anchors, chain[1:]), Question(now, revocation=False))
        refusal = report.refusal
        return report.verdict is Verdict.VALID or (refusal is not None and refusal.why in _IN_TIME)


def _revoked(found: Certificate) -> bool:
    return found.state in (State.REVOKED, State.HELD)
