"""What is signed as a certificate: written from a profile's compiled template, read back, and held against the rules. Pure."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509

from ca import lint
from ca.encoding import certificate as encoding
from ca.encoding import conformity
from ca.encoding import names as naming
from ca.model import Authority
from ca.profiles import Profile
from ca.profiles.extensions import Extensions, constant_extensions, pointers
from ca.scopes import ListRules, Scope
from kernel.errors import IntegrityFailed
from kernel.i18n import N_
from kernel.pki import der
from kernel.pki.algorithms import Algorithm, algorithm

BACKDATE = timedelta(minutes=1)  # clocks of relying parties may be a little behind ours


@dataclass(frozen=True)
class Wanted:
    """What a certificate shall hold. ``subject`` is complete; ``names`` are texts such as ``dns:host``.

    For certificates of CAs: ``called`` is the Name where it is not made of ``subject``, ``period`` the first and last moment
    in place of the profile's validity from now, ``more`` extensions beyond the profile's, such as name constraints.
    """

    profile: Profile
    subject: Mapping[str, str]
    names: Sequence[str]
    spki: bytes
    unit: str
    request: str | None = None
    called: x509.Name | None = None
    period: tuple[datetime, datetime] | None = None
    more: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    approvals: Sequence[Mapping[str, str]] = ()  # officers' signed decisions: ca.signer.approved

    @property
    def name(self) -> x509.Name:
        """The subject; a foreign one as it is."""
        return self.called or naming.name(self.subject)

    @property
    def written(self) -> str:
        """As ``name``, in text (RFC 4514)."""
        return self.called.rfc4514_string() if self.called else naming.written(self.subject)


@dataclass(frozen=True)
class Draft:
    """To-be-signed bytes that are what was asked for. ``warnings`` are what pkilint found and does not forbid."""

    serial: int
    shard: int  # of the revocation list that it names, 0 for the CA's only one
    name: x509.Name
    not_before: datetime
    not_after: datetime
    tbs: bytes
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Compiled:
    """A profile under a CA, for the writer and, apart from it, for who reads back what was written."""

    template: encoding.Template
    expected: conformity.Expected
    signature: bytes  # AlgorithmIdentifier


class Writer:
    """Writes certificates under CAs, whose lists are found as ``rules`` say."""

    def __init__(self, rules: ListRules) -> None:
        self._rules = rules
        self._known: dict[tuple[str, str, bytes, str, int], Compiled] = {}

    def draft(self, authority: Authority, wanted: Wanted, now: datetime) -> Draft:
        """The certificate that ``authority`` would sign at ``now``.

        IntegrityFailed when the bytes are not what was asked for, LintFailed when they break the rules of the profile.
        """
        serial = _serial()
        shard = self._rules.shard_of(authority.id, serial)
        compiled = self.compiled(authority, wanted.profile, shard)
        period = _period(wanted, now, expiry(authority.certificate))
        return _draft(compiled, wanted, serial, shard, *period)

    def compiled(self, authority: Authority, profile: Profile, shard: int = 0) -> Compiled:
        """Compiled at its first use; a version never changes, and neither does a CA's certificate."""
        key = (profile.id, profile.version, authority.certificate, authority.id, shard)
        if key not in self._known:
            base = self._rules.public_url.rstrip("/")
            extensions = [*constant_extensions(profile), *pointers(profile, Scope(authority.id, shard), base)]
            row, named = algorithm(authority.algorithm), _key_id(authority.certificate)
            self._known[key] = _compile(row, authority.subject, extensions, named)
        return self._known[key]


def self_signed(wanted: Wanted, row: Algorithm, now: datetime) -> Draft:
    """A root's certificate for ``wanted.period`` by its own key of that algorithm; errors as ``Writer.draft``."""
    extensions = constant_extensions(wanted.profile)
    compiled = _compile(row, wanted.name.public_bytes(), extensions, encoding.key_id(wanted.spki))
    return _draft(compiled, wanted, _serial(), 0, *_period(wanted, now, None))


@lru_cache(maxsize=256)
def expiry(certificate: bytes) -> datetime:
    """When a DER certificate ends."""
    return x509.load_der_x509_certificate(certificate).not_valid_after_utc


def _key_id(certificate: bytes) -> bytes:
    """What the CA's own certificate calls its key: a superior CA may have named it by a method of its own."""
    extensions = x509.load_der_x509_certificate(certificate).extensions
    return extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


def _compile(row: Algorithm, issuer: bytes, extensions: Extensions, key_id: bytes) -> Compiled:
    template = encoding.compile_template(row, issuer, key_id, extensions)
    expected = conformity.expect(row.identifier, issuer, key_id, extensions)
    return Compiled(template, expected, row.identifier)


def _period(wanted: Wanted, now: datetime, ends: datetime | None) -> tuple[datetime, datetime]:
    """From a minute ago, as long as the profile says, no longer than the CA itself."""
    start = now.replace(microsecond=0) - BACKDATE
    not_before, not_after = wanted.period or (start, start + wanted.profile.validity)
    return not_before, not_after if ends is None else min(not_after, ends)


def _serial() -> int:
    """127 bits, positive, 16 octets (RFC 5280 4.1.2.2 allows 20)."""
    return secrets.randbits(126) | 1 << 126


def _draft(
    compiled: Compiled, wanted: Wanted, serial: int, shard: int, not_before: datetime, not_after: datetime
) -> Draft:
    name = wanted.name
    tbs = encoding.tbs_certificate(
        compiled.template,
        serial=serial,
        subject=name.public_bytes(),
        spki=wanted.spki,
        not_before=not_before,
        not_after=not_after,
        names=naming.alternative_names(wanted.names),
        more=wanted.more,
    )
    asked = conformity.Asked(
        serial=serial,
        subject=wanted.subject if wanted.called is None else wanted.called.public_bytes(),
        spki=wanted.spki,
        not_before=not_before,
        not_after=not_after,
        names=wanted.names,
        more=wanted.more,
    )
    _require_same(tbs, compiled.expected, asked)
    warnings = _linted(tbs, compiled.signature, wanted.profile)
    return Draft(serial, shard, name, not_before, not_after, tbs, warnings)


def _require_same(tbs: bytes, expected: conformity.Expected, asked: conformity.Asked) -> None:
    try:
        wrong = conformity.differences(tbs, expected, asked)
    except der.MalformedDer as error:
        wrong = [error.place]
    if wrong or not asked.not_before < asked.not_after:
        raise IntegrityFailed(
            N_("The certificate to be signed is not what was asked for: %(fields)s."),
            mend=N_("Nothing was signed. Tell the makers of the suite which request that was."),
            place=f"{asked.serial:032x}",
            fields=", ".join(wrong) or "validity",
        )


def _linted(tbs: bytes, signature: bytes, profile: Profile) -> tuple[str, ...]:
    found = lint.findings_of(lint.unsigned(tbs, signature), profile.lint)
    if any(finding.stops for finding in found):
        raise lint.LintFailed(profile.id, found)
    return tuple(str(finding) for finding in found if finding.severity == "warning")
