"""``weicheng drill``: application checks that restore drills run, each in a process of its own on restored files alone.

They print one JSON object (backup.adapters.checks.CommandCheck). Nothing of the living installation is opened; of its
settings only the signer's pass-phrase is used, since a key file without it is no backup.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kernel.clock import Clock, SystemClock
from kernel.edges.cli import group, pass_app
from kernel.errors import IntegrityFailed, NotFound, Unavailable, WeichengError
from kernel.i18n import N_

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from ca.model import Authority
    from ca.ports import Signer

commands = group("drill", N_("Application checks that restore drills run."))
_LIFETIME = timedelta(minutes=10)
_folder = click.Path(path_type=Path, exists=True, file_okay=False)


@commands.command("ca", help=N_("Ask a restored CA for a test certificate and verify it."))
@click.option("--database", type=_folder, required=True, help=N_("Folder of the restored database."))
@click.option("--keys", type=_folder, required=True, help=N_("Folder of the restored key file."))
@pass_app
def ask_ca(app: Any, database: Path, keys: Path) -> int:
    passphrase = app.settings.signer.passphrase
    try:
        if passphrase is None:
            raise Unavailable(
                N_("The signer has no pass-phrase for its key file."),
                mend=N_("Put one into the secret file signer__passphrase."),
            )
        facts = ask_restored_ca(database, keys, passphrase.get_secret_value().strip(), SystemClock())
        answer = {"ok": True, "facts": facts, "said": "a test certificate was issued and verified"}
    except WeichengError as error:
        answer = {"ok": False, "facts": {}, "said": error.text("en")}
    click.echo(json.dumps(answer, ensure_ascii=False))
    return 0 if answer["ok"] else 1


def ask_restored_ca(database: Path, keys: Path, passphrase: str, clock: Clock) -> dict[str, Any]:
    """Have a restored issuing CA sign a certificate that is valid for ten minutes, and verify it up to its root.

    The signer refuses what is no well-formed certificate; whether database and keys belong together shows as well.
    """
    from ca import store
    from ca.signer.keyfile import KeyFileSigner
    from kernel.store import Database

    opened = Database(f"sqlite:///{_only_file(database)}", clock)
    try:
        with opened.read() as connection:
            authorities = store.read_authorities(connection)
            counted = store.counts(connection)
        signer = KeyFileSigner(_only_file(keys), passphrase)
        tested = [
            _test(authorities, authority, signer, clock) for authority in authorities if authority.parent
        ]
    finally:
        opened.close()
    if not tested:
        raise NotFound(N_("The restored database has no issuing CA."), place=str(database))
    return {"authorities": len(authorities), "certificates": sum(counted.values()), "tested": tested}


def _test(
    authorities: "list[Authority]", authority: "Authority", signer: "Signer", clock: Clock
) -> dict[str, str]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    issued = x509.load_der_x509_certificate(_issue(authority, signer, clock))
    chain = _chain(authorities, authority)
    for lower, upper in zip([issued, *chain], chain, strict=False):
        _verify(lower, upper, authority)
    return {
        "authority": authority.name,
        "serial": format(issued.serial_number, "x"),
        "certificate": issued.public_bytes(Encoding.PEM).decode(),
        "chain": "".join(one.public_bytes(Encoding.PEM).decode() for one in chain),
    }


def _issue(authority: "Authority", signer: "Signer", clock: Clock) -> bytes:
    """DER of a certificate for a key made here and thrown away."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509.oid import NameOID

    from ca.encoding.certificate import compile_template, signed, tbs_certificate
    from ca.signer.model import Purpose
    from kernel.pki.algorithms import algorithm

    row, now = algorithm(authority.algorithm), clock.now().replace(microsecond=0)
    ends = x509.BasicConstraints(ca=False, path_length=None)
    template = compile_template(row, authority.subject, authority.spki, [(ends, True)])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "weicheng restore drill")])
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    tbs = tbs_certificate(
        template,
        serial=x509.random_serial_number(),
        subject=subject.public_bytes(),
        spki=key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        not_before=now,
        not_after=now + _LIFETIME,
    )
    return signed(tbs, row.identifier, signer.sign(authority.key, Purpose.CERTIFICATE, tbs))


def _chain(authorities: "list[Authority]", authority: "Authority") -> "list[Certificate]":
    """Certificates from the authority up to its root."""
    from cryptography import x509

    by_id = {one.id: one for one in authorities}
    found: list[Certificate] = []
    current: Authority | None = authority
    while current is not None and len(found) < len(authorities):
        found.append(x509.load_der_x509_certificate(current.certificate))
        current = by_id.get(current.parent or "")
    return found


def _verify(lower: "Certificate", upper: "Certificate", authority: "Authority") -> None:
    from cryptography.exceptions import InvalidSignature

    try:
        lower.verify_directly_issued_by(upper)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise IntegrityFailed(
            N_("What the restored CA signed does not verify: database and keys do not belong together."),
            place=authority.name,
        ) from error


def _only_file(folder: Path) -> Path:
    files = [path for path in folder.iterdir() if path.is_file()]
    if len(files) != 1:
        raise NotFound(N_("One restored file was expected here."), place=str(folder))
    return files[0]
