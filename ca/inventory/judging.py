"""What a certificate says, and what is wrong with it where it is used. Pure."""

from datetime import datetime, timedelta
from ipaddress import ip_address

from asn1crypto import x509

from ca.inventory.model import Facts, Fault, Origin
from ca.validation import reading
from kernel.canonical import sha256_hex
from kernel.errors import Invalid

SOON = timedelta(days=30)  # of certificates whose profile does not say
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1", "1.2.156.10197.1.301"})  # the last: SM2
_OLD = frozenset({"SSLv3", "TLSv1", "TLSv1.1"})
_WEAK_DIGESTS = ("sha1", "md5", "md2")


def facts_of(der: bytes) -> Facts | None:
    """What the certificate says, valid or not; None when it can not be read."""
    try:
        return _facts(reading.certificate(der))
    except (Invalid, *reading.BROKEN):
        return None


def _facts(one: x509.Certificate) -> Facts:
    algorithm = one.public_key.algorithm
    bits = one.public_key.bit_size if algorithm in ("rsa", "dsa", "ec") else 0
    curve = str(one.public_key.curve[1]) if algorithm == "ec" else ""
    alternative = one.subject_alt_name_value or ()
    return Facts(
        fingerprint=one.sha256.hex(),
        subject=reading.name_text(one.subject),
        issuer=reading.name_text(one.issuer),
        serial=f"{one.serial_number:x}",
        names=tuple(str(name.native) for name in alternative if name.name in ("dns_name", "ip_address")),
        not_before=one.not_valid_before,
        not_after=one.not_valid_after,
        key=f"{algorithm} {bits}" if bits else algorithm,
        bits=bits,
        curve=curve,
        signature=one["signature_algorithm"]["algorithm"].native,
        key_digest=sha256_hex(one.public_key.dump()),
        self_signed=one.issuer.dump() == one.subject.dump(),
    )


def faults_of(
    facts: Facts,
    origin: Origin,
    server_name: str,
    now: datetime,
    *,
    revoked: bool,
    shared: bool,
    complete: bool = True,
    tls: str = "",
    address: str = "",
    soon: timedelta = SOON,
) -> tuple[Fault, ...]:
    """What is wrong, the worst first. ``shared``: the same key is at work at another host too; ``complete``: the chain was
    sent that relying parties need; ``tls``: the newest version spoken, "" where it is not known; ``soon``: how long before
    its end a certificate is renewed."""
    checks = {
        Fault.UNKNOWN: origin is Origin.UNKNOWN,
        Fault.REVOKED: revoked,
        Fault.EXPIRED: now >= facts.not_after,
        Fault.WEAK_KEY: _weak_key(facts),
        Fault.WEAK_SIGNATURE: any(weak in facts.signature.lower() for weak in _WEAK_DIGESTS),
        Fault.NOT_YET_VALID: now < facts.not_before,
        Fault.WEAK_CURVE: bool(facts.curve) and facts.curve not in _CURVES,
        Fault.FOREIGN: origin is Origin.FOREIGN,
        Fault.SHARED_KEY: shared,
        Fault.NAME_MISMATCH: _wrong_host(facts, server_name, address),
        Fault.INCOMPLETE_CHAIN: not complete,
        Fault.OLD_PROTOCOL: tls in _OLD,
        Fault.SELF_SIGNED: origin is Origin.SELF_SIGNED,
        Fault.EXPIRES_SOON: now < facts.not_after <= now + soon,
    }
    return tuple(fault for fault, there in checks.items() if there)


def _weak_key(facts: Facts) -> bool:
    algorithm = facts.key.partition(" ")[0].lower()
    least = {"rsa": 2048, "dsa": 2048, "ec": 224}.get(algorithm, 0)
    return algorithm == "dsa" or 0 < facts.bits < least


def _wrong_host(facts: Facts, server_name: str, address: str) -> bool:
    """Whether it is another host's: the name of the register decides; where there is none, only a certificate for addresses
    alone tells, since by which names others come here nobody knows."""
    from ca.validation.usage import is_named

    if server_name:
        return not is_named(facts.names, server_name)
    for_addresses = bool(facts.names) and all(map(_is_address, facts.names))
    return bool(address) and for_addresses and not is_named(facts.names, address)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
