"""What signer and preparing processes have to agree on: the secret by which they are known, and which approvals are demanded.

The public status process never reads the secret.
"""

import secrets

from ca.signer.model import ApprovalRules, Signing
from ca.signer.warrant import Credential
from kernel.config import Settings
from kernel.secrets import make_private_once

_FILE = "signer__token_key"


def approval_rules(settings: Settings) -> ApprovalRules:
    """What each process reads of its own settings: the signer's count."""
    return ApprovalRules(Signing(settings.signer.approvals), frozenset(settings.signer.unattended))


def signer_credential(settings: Settings) -> Credential:
    """From the secret file, or from one of the data folder that the first process to need it makes (0600)."""

    def secret() -> bytes:
        given = settings.signer.token_key
        if given is not None:
            return given.get_secret_value().strip().encode()
        return make_private_once(settings.data_dir / "secrets" / _FILE, secrets.token_hex(32).encode())

    return Credential(secret)
