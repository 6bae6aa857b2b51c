"""``weicheng serve signer``: the one process that holds private keys."""

from ca.signer.keyfile import KeyFileSigner
from ca.signer.server import serve as serve_signer
from console.compose.credential import signer_credential
from kernel.config import Settings
from kernel.errors import Unavailable
from kernel.i18n import N_


def serve(settings: Settings) -> int:
    """Run until told to stop; Unavailable when no pass-phrase is set for the key file."""
    passphrase = settings.signer.passphrase
    if passphrase is None:
        raise Unavailable(
            N_("The signer has no pass-phrase for its key file."),
            mend=N_("Put one into the secret file signer__passphrase."),
        )
    signer = KeyFileSigner(settings.signer_keys, passphrase.get_secret_value().strip())
    return serve_signer(signer, settings.signer_socket, signer_credential(settings))
