"""A CA built over restored files alone, for drills: it shares neither database, keys nor evidence with the living one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes

from ca import store
from ca.issuance import Issuance
from ca.model import Authority, Certificate
from ca.profiles import Profiles
from ca.registration.blocklists import Blocklists
from ca.registration.service import Registration
from ca.scopes import ListRules
from ca.signer.guard import Guarded
from ca.signer.keyfile import KeyFileSigner
from ca.signer.warrant import Credential
from kernel.blobs import MemoryBlobs
from kernel.clock import Clock
from kernel.errors import IntegrityFailed
from kernel.evidence.ports import NullSealer
from kernel.evidence.service import EvidenceService
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal, Role
from kernel.secrets import SecretBox
from kernel.store import Database
from policies.registry import load

# Two persons who exist only on the restored copy: the CA's separation of duties is part of what a drill proves.
_REGISTRAR = Principal("drill:registrar", "drill registrar", frozenset({Role.REGISTRAR}), "u_city", "drill")
_OFFICER = Principal("drill:officer", "drill officer", frozenset({Role.SECURITY_OFFICER}), "u_city", "drill")


@dataclass(frozen=True)
class RestoredCa:
    """Registration and issuance on a restored copy."""

    database: Database
    registration: Registration

    def authorities(self) -> list[Authority]:
        with self.database.read() as connection:
            return store.read_authorities(connection)

    def counts(self) -> Mapping[str, int]:
        """Number of certificates in each state, as they were restored."""
        with self.database.read() as connection:
            return store.counts(connection)

    def issue(self) -> Certificate:
        """File a request for a key made here and thrown away, approve it as the second person; the certificate."""
        filed = self.registration.file(
            _REGISTRAR,
            profile="person",
            subject={"O": "恢复演练", "CN": "恢复演练测试证书"},
            names=(),
            unit="u_city",
            evidence="restore drill",
            csr=_csr(),
        )
        issued = self.registration.approve(_OFFICER, filed.id, "restore drill")
        if not isinstance(issued, Certificate):
            raise IntegrityFailed(N_("The restored CA did not issue the test certificate."), place=filed.id)
        return issued


def restored_ca(database: Database, clock: Clock, keys: Path, passphrase: str, scratch: Path) -> RestoredCa:
    """Build it; ``keys`` is the restored key file, ``scratch`` a folder that is thrown away."""
    access = Access(database)
    evidence = EvidenceService(database, clock, access, MemoryBlobs(), NullSealer())
    profiles = Profiles(
        database, clock, (document.value for document in load(part="cert_profiles").documents)
    )
    secret = token_bytes(32)
    signer = Guarded(KeyFileSigner(keys, passphrase), Credential(lambda: secret))
    issuance = Issuance(database, clock, signer, profiles, evidence, ListRules("http://drill.invalid"))
    box = SecretBox(scratch / "drill-box" / "key")
    blocklists = Blocklists(scratch / "blocklists", database, access)
    return RestoredCa(
        database,
        Registration(
            database, clock, access, Approvals(clock, access), profiles, issuance, box, blocklists, evidence
        ),
    )


def _csr() -> bytes:
    """PEM PKCS#10 of a new P-256 key."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    empty = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return empty.sign(ec.generate_private_key(ec.SECP256R1()), SHA256()).public_bytes(Encoding.PEM)
