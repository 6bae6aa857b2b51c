"""The secret by which the signer knows the processes that prepare signatures; the public status process never reads it."""

import secrets

from ca.signer.warrant import Credential
from kernel.config import Settings
from kernel.secrets import make_private_once

_FILE = "signer__token_key"


def signer_credential(settings: Settings) -> Credential:
    """From the secret file, or from one of the data folder that the first process to need it makes (0600)."""

    def secret() -> bytes:
        given = settings.signer.token_key
        if given is not None:
            return given.get_secret_value().strip().encode()
        return make_private_once(settings.data_dir / "secrets" / _FILE, secrets.token_hex(32).encode())

    return Credential(secret)
