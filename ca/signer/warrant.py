"""Who may ask the signer for what: requests bear a MAC by a key that only the processes hold which prepare signatures.

A warrant is a request in wire form: the header with its MAC. It is made when a certificate is prepared, stored with the intent,
and sent as it is, also after a crash; whoever changes the stored bytes has nothing that the signer would sign.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

from ca.signer.model import PUBLIC, Purpose, SigningRefused
from ca.signer.protocol import Parts, parts_of
from kernel.canonical import canonical_json
from kernel.errors import IntegrityFailed, Invalid, Unavailable
from kernel.i18n import N_

SHORTEST = 32  # octets of the key
OPEN = frozenset({"keys", "status"})  # operations that tell what is public and change nothing


class Credential:
    """The secret of the processes that prepare; looked up when it is first needed."""

    def __init__(self, secret: Callable[[], bytes]) -> None:
        self._secret = secret
        self._key: bytes | None = None

    def seal(self, header: Mapping[str, Any], digest: str) -> dict[str, Any]:
        """The header with the body's SHA-256 (hex) and the MAC over all of it."""
        bound = {**header, "digest": digest}
        return {**bound, "mac": self._mac(bound)}

    def check(self, header: Mapping[str, Any]) -> None:
        """SigningRefused unless the header's MAC was made with this secret."""
        bound = {name: value for name, value in header.items() if name != "mac"}
        given = header.get("mac")
        if not isinstance(given, str) or not hmac.compare_digest(self._mac(bound).encode(), given.encode()):
            raise SigningRefused(
                N_("The signer was asked by a process that may not ask for this."),
                mend=N_("Give this process the secret signer__token_key that the signer has."),
                place="signer",
            )

    def _mac(self, bound: Mapping[str, Any]) -> str:
        if self._key is None:
            self._key = self._secret()
            if len(self._key) < SHORTEST:
                raise Unavailable(
                    N_("The secret signer__token_key is too short."),
                    mend=N_("Use at least %(length)s characters."),
                    length=SHORTEST,
                )
        return hmac.digest(self._key, canonical_json(bound), "sha256").hex()


def is_open(header: Mapping[str, Any]) -> bool:
    """Whether anybody who reaches the socket may ask for this."""
    operation = header.get("operation")
    return operation in OPEN or (operation == "sign" and header.get("purpose") in PUBLIC)


def digest_of(body: Parts) -> str:
    """SHA-256 (hex) of a body."""
    made = hashlib.sha256()
    for part in parts_of(body):
        made.update(part)
    return made.hexdigest()


def sign_header(name: str, purpose: Purpose, **facts: Any) -> dict[str, Any]:
    """What asks for a signature with the key ``name``; ``facts`` tell of a certificate where it comes from."""
    return {"operation": "sign", "name": name[:200], "purpose": str(purpose), **facts}


def read_warrant(warrant: str, name: str, purpose: Purpose) -> dict[str, Any]:
    """The header that a warrant holds; IntegrityFailed when it is none, or for another key or purpose."""
    try:
        header = json.loads(warrant)
        if (header["operation"], header["name"], header["purpose"]) == ("sign", name, str(purpose)):
            return dict(header)
    except (ValueError, KeyError, TypeError) as error:
        raise _spoiled(name) from error
    raise _spoiled(name)


def check_digest(header: Mapping[str, Any], digest: str) -> None:
    """Invalid unless the body is the one that the header was made for."""
    if not hmac.compare_digest(str(header.get("digest")).encode(), digest.encode()):
        raise Invalid(N_("The bytes to be signed are not those of the request."), place="signer")


def _spoiled(name: str) -> IntegrityFailed:
    return IntegrityFailed(
        N_("What was stored for the signer is not what was prepared."),
        mend=N_("Do not issue it; look for who changed the database."),
        place=name[:80],
    )
