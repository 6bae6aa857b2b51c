"""Checking a package in the suite itself; verify.sh inside the package does the same without it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kernel.canonical import sha256_hex
from kernel.evidence.seal import SignatureRefused, StampRefused, verify_seal
from kernel.i18n import N_
from policies.package.model import (
    INTERMEDIATES,
    MANIFEST,
    SIGNATURE,
    TOKEN,
    UNLISTED,
    Manifest,
    PackageFault,
    PackageFaultKind,
    read_manifest,
)


@dataclass(frozen=True)
class PackageReport:
    """``manifest`` and ``sealed_at`` are None when signature or time-stamp do not hold: then nothing else was looked at."""

    manifest: Manifest | None
    sealed_at: datetime | None
    faults: tuple[PackageFault, ...]
    sealed_records: int = 0

    @property
    def intact(self) -> bool:
        return not self.faults


def verify_package(files: Mapping[str, bytes], anchors: Sequence[bytes]) -> PackageReport:
    """Check seal, digests, absent and additional files, and each record's own seal. ``anchors``: trusted roots (DER)."""
    between = certificates_of(files.get(INTERMEDIATES, b""))
    sealed_at, faults = check_seal(files, MANIFEST, SIGNATURE, TOKEN, anchors, between)
    if faults:
        return PackageReport(None, None, tuple(faults))
    manifest = read_manifest(files[MANIFEST])
    faults = _digest_faults(files, manifest)
    sealed = 0
    for name in sorted(files):
        stem = name.removesuffix(".json")
        if name.startswith("records/") and stem != name and f"{stem}.p7s" in files:
            _, wrong = check_seal(files, name, f"{stem}.p7s", f"{stem}.tst", anchors, between)
            faults += wrong
            sealed += not wrong
    return PackageReport(manifest, sealed_at, tuple(faults), sealed)


def check_seal(
    files: Mapping[str, bytes],
    name: str,
    signature: str,
    token: str,
    anchors: Sequence[bytes],
    between: Sequence[bytes],
) -> tuple[datetime | None, list[PackageFault]]:
    """The stamped time, or the faults of the time-stamp over the signature and of the signature over the file."""
    absent = [path for path in (name, signature, token) if path not in files]
    if absent:
        return None, [_fault(PackageFaultKind.MISSING, path, N_("the file is missing")) for path in absent]
    try:
        stamped = verify_seal(
            files[name], files[signature], files[token], anchors=anchors, intermediates=between
        )
    except StampRefused as error:
        return None, [_fault(PackageFaultKind.TIMESTAMP, token, error.message)]
    except SignatureRefused as error:
        return None, [_fault(PackageFaultKind.SIGNATURE, signature, error.message)]
    return stamped, []


def certificates_of(pem: bytes) -> list[bytes]:
    """DER of every certificate in a PEM file; none for anything else."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        return [found.public_bytes(Encoding.DER) for found in x509.load_pem_x509_certificates(pem)]
    except ValueError:
        return []


def _digest_faults(files: Mapping[str, bytes], manifest: Manifest) -> list[PackageFault]:
    faults = []
    for path, digest in manifest.digests.items():
        if path not in files:
            faults.append(_fault(PackageFaultKind.MISSING, path, N_("the file is missing")))
        elif sha256_hex(files[path]) != digest:
            faults.append(_fault(PackageFaultKind.CHANGED, path, N_("the file was changed")))
    extra = sorted(files.keys() - manifest.digests.keys() - UNLISTED)
    unknown = N_("the manifest does not know this file")
    return faults + [_fault(PackageFaultKind.EXTRA, path, unknown) for path in extra]


def _fault(kind: PackageFaultKind, place: str, message: str) -> PackageFault:
    return PackageFault(kind, place, message)
