"""The directory: certificates of listed profiles, fetched by anybody over HTTP by name or address (RFC 4387)."""

import unicodedata
from collections.abc import Iterator

from cryptography import x509
from cryptography.x509.oid import NameOID
from sqlalchemy import Row, select

from ca.model import State
from ca.profiles import Profiles
from ca.tables import certificates, words
from ca.words import LONGEST
from kernel.clock import Clock
from kernel.errors import Invalid, NotFound
from kernel.i18n import N_
from kernel.store import Database

ATTRIBUTES = ("name", "uri")  # of RFC 4387 section 2.1 those that people know of each other
MOST = 20  # certificates in one answer
_LOOKED_AT = 500


class Directory:
    """Finds certificates in force by a whole common name, e-mail address, host name or URI; never by a part of one."""

    def __init__(self, database: Database, clock: Clock, profiles: Profiles) -> None:
        self._database = database
        self._clock = clock
        self._profiles = profiles

    def find(self, attribute: str, value: str) -> list[bytes]:
        """DER of the certificates, the newest first; NotFound without one, Invalid for another attribute or no value."""
        if attribute not in ATTRIBUTES or not 1 <= len(value) <= 253:
            raise Invalid(
                N_("The directory is asked by one attribute: %(known)s."),
                place=attribute[:60],
                known=", ".join(ATTRIBUTES),
            )
        wanted = _folded(value)
        found = [bytes(row.der) for row in self._candidates(wanted) if self._fits(row, attribute, wanted)]
        if not found:
            raise NotFound(N_("No certificate is listed under that name."))
        return found[:MOST]

    def _candidates(self, wanted: str) -> list[Row[tuple[str, str, bytes]]]:
        """What is found by that word and in force now."""
        now, c = self._clock.now(), certificates.c
        owners = select(words.c.owner).where(words.c.word == wanted[:LONGEST]).limit(_LOOKED_AT)
        query = select(c.profile, c.profile_version, c.der).where(
            c.serial.in_(owners), c.state == str(State.ISSUED), c.not_before <= now, c.not_after > now
        )
        with self._database.read() as connection:
            return list(connection.execute(query.order_by(c.intent_at.desc(), c.serial.desc())))

    def _fits(self, row: Row[tuple[str, str, bytes]], attribute: str, wanted: str) -> bool:
        """Whether its profile lists it, and the whole value is in it."""
        try:
            listed = self._profiles.version(row.profile, row.profile_version).listed
        except NotFound:  # made by a release that kept no versions: nobody has said that it is listed
            return False
        if not listed:
            return False
        certificate = x509.load_der_x509_certificate(row.der)
        values = _names(certificate) if attribute == "name" else _addresses(certificate)
        return wanted in map(_folded, values)


def _names(certificate: x509.Certificate) -> Iterator[str]:
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        yield str(attribute.value)


def _addresses(certificate: x509.Certificate) -> Iterator[str]:
    try:
        listed = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    for kind in (x509.RFC822Name, x509.DNSName, x509.UniformResourceIdentifier):
        yield from listed.get_values_for_type(kind)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
