"""``weicheng drill``: application checks that restore drills run, each in a process of its own on restored files alone.

They print one JSON object (backup.adapters.checks.CommandCheck). Nothing of the living installation is opened; of its
settings only the signer's pass-phrase is used, since a key file without it is no backup.
"""

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kernel.clock import Clock, SystemClock
from kernel.config import SIGNER_RECORDS
from kernel.edges.cli import group, pass_app
from kernel.errors import IntegrityFailed, NotFound, Unavailable, WeichengError
from kernel.i18n import N_, translate
from kernel.pki.names import name_text

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from ca.model import Authority
    from console.compose.restored_ca import RestoredCa

commands = group("drill", N_("Application checks that restore drills run."))
_folder = click.Path(path_type=Path, exists=True, file_okay=False)


@commands.command("ca", help=N_("Ask a restored CA for a test certificate and verify it."))
@click.option("--database", type=_folder, required=True, help=N_("Folder of the restored database."))
@click.option("--keys", type=_folder, required=True, help=N_("Folder of the restored key file."))
@pass_app
def ask_ca(app: Any, database: Path, keys: Path) -> int:
    from sqlalchemy.exc import SQLAlchemyError

    passphrase = app.settings.signer.passphrase
    try:
        if (keys / app.settings.signer_activation.name).exists():
            raise Unavailable(
                N_("The restored keys are opened by officers' shares, which a drill by itself has not."),
                mend=N_("Hold it with the officers: docs/operate/hsm.md."),
            )
        if passphrase is None:
            raise Unavailable(
                N_("The signer has no pass-phrase for its key file."),
                mend=N_("Put one into the secret file signer__passphrase."),
            )
        facts = ask_restored_ca(
            database,
            keys,
            passphrase.get_secret_value().strip(),
            SystemClock(),
            app.settings.backup.drill_database_url,
        )
        answer = {
            "ok": True,
            "facts": facts,
            "said": translate(N_("a test certificate was issued and verified")),
        }
    except WeichengError as error:
        answer = {"ok": False, "facts": {}, "said": error.text()}
    except SQLAlchemyError as error:
        said = translate(N_("the restored database can not be read: %(kind)s"), kind=type(error).__name__)
        answer = {"ok": False, "facts": {}, "said": said}
    click.echo(json.dumps(answer, ensure_ascii=False))
    return 0 if answer["ok"] else 1


def ask_restored_ca(
    database: Path, keys: Path, passphrase: str, clock: Clock, server: str = ""
) -> dict[str, Any]:
    """File a request at the restored registration, approve it as a second person, and verify the certificate to its root.

    All of it is the CA's own code on the restored copy: profile, proof of possession, four eyes, intent, signature. That
    database and keys belong together shows as well. NotFound when there is no CA in the database.
    """
    from console.compose.restored_ca import restored_ca
    from console.compose.restored_database import restored_database

    with restored_database(database, clock, server) as opened:
        ca = restored_ca(opened, clock, _key_file(keys), passphrase, keys)
        authorities = ca.authorities()
        if not any(authority.parent for authority in authorities):
            raise NotFound(N_("The restored database has no issuing CA."), place=str(database))
        before = sum(ca.counts().values())
        return {"authorities": len(authorities), "certificates": before, **_test(ca, authorities)}


def _key_file(folder: Path) -> Path:
    """The key file of the restored set; beside it lie the signer's records."""
    found = [one for one in folder.iterdir() if one.is_file() and one.name not in SIGNER_RECORDS]
    if len(found) != 1:
        raise NotFound(N_("One restored file was expected here."), place=str(folder))
    return found[0]


def _test(ca: "RestoredCa", authorities: "list[Authority]") -> dict[str, str]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    issued = ca.issue()
    by_id = {authority.id: authority for authority in authorities}
    leaf, chain = x509.load_der_x509_certificate(issued.der), _chain(by_id, issued.authority)
    for lower, upper in pairwise([leaf, *chain]):
        _verify(lower, upper)
    return {
        "authority": by_id[issued.authority].name,
        "serial": issued.serial,
        "certificate": leaf.public_bytes(Encoding.PEM).decode(),
        "chain": "".join(one.public_bytes(Encoding.PEM).decode() for one in chain),
    }


def _chain(by_id: "Mapping[str, Authority]", authority: str) -> "list[Certificate]":
    """Certificates from the authority up to its root."""
    from cryptography import x509

    found: list[Certificate] = []
    current = by_id.get(authority)
    while current is not None and len(found) < len(by_id):
        found.append(x509.load_der_x509_certificate(current.certificate))
        current = by_id.get(current.parent or "")
    return found


def _verify(lower: "Certificate", upper: "Certificate") -> None:
    from cryptography.exceptions import InvalidSignature

    try:
        lower.verify_directly_issued_by(upper)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise IntegrityFailed(
            N_("What the restored CA signed does not verify: database and keys do not belong together."),
            place=name_text(upper.subject),
        ) from error
