"""``weicheng serve signer``: the one process that holds private keys."""

from collections.abc import Callable

from ca.signer.activation import Activation
from ca.signer.backends import Backend, Backends, Place, Secrets
from ca.signer.control import Control
from ca.signer.hardening import harden
from ca.signer.keyfile import KeyFileSigner
from ca.signer.model import KeyRole
from ca.signer.officers import Officers
from ca.signer.server import serve as serve_signer
from ca.signer.signed import Signed
from console.compose.credential import approval_rules, signer_credential
from kernel.config import Hsm, Settings
from kernel.errors import Invalid, Unavailable
from kernel.i18n import N_


def serve(settings: Settings) -> int:
    """Run until told to stop; Unavailable when nothing is set that opens keys, or will by officers' shares."""
    protection = harden(keep_network=settings.signer.hsm.network)
    keys = activation(settings)
    control = Control(keys, protection)
    officers = Officers(settings.signer_officers)
    signed = Signed(settings.signer_serials, settings.signer_approved)
    credential, rules = signer_credential(settings), approval_rules(settings)
    return serve_signer(keys, settings.signer_socket, credential, control, rules, officers, signed)


def activation(settings: Settings) -> Activation:
    """The keys of these settings: open at once by their secrets, or waiting for officers' shares."""
    passphrase, pin = settings.signer.passphrase, settings.signer.hsm.pin
    given = Secrets(
        passphrase.get_secret_value().strip() if passphrase else "",
        pin.get_secret_value().strip() if pin else "",
    )
    return Activation(
        settings.signer_activation, backends_of(settings), given, hours=settings.signer.active_hours
    )


def backends_of(settings: Settings) -> Callable[[Secrets], Backends]:
    """What builds the places of these settings from their secrets: the key file, and the token if there is one."""
    hsm = settings.signer.hsm
    at_token = _at_token(hsm)

    def opened(secrets: Secrets) -> Backends:
        found: dict[Place, Backend] = {}
        if secrets.passphrase:
            found[Place.FILE] = _key_file(settings, secrets.passphrase)
        if hsm.module is not None:
            found[Place.TOKEN] = _token(settings, secrets.pin)
        if not found:
            raise Unavailable(
                N_("The signer has no pass-phrase for its key file."),
                mend=N_("Put one into the secret file signer__passphrase."),
            )
        return Backends(found, at_token)

    return opened


def _at_token(hsm: Hsm) -> frozenset[KeyRole]:
    """Roles whose keys are made on the token; Invalid for what is no role."""
    wrong = [role for role in hsm.roles if role not in KeyRole.__members__.values()]
    if wrong:
        raise Invalid(
            N_("%(role)s is no role of a key."),
            mend=N_("Roles: %(known)s."),
            place="signer.hsm.roles",
            role=wrong[0][:40],
            known=", ".join(KeyRole),
        )
    if hsm.module is None:
        return frozenset()
    return frozenset(map(KeyRole, hsm.roles)) or frozenset(KeyRole)


def _key_file(settings: Settings, passphrase: str) -> Backend:
    keys = KeyFileSigner(settings.signer_keys, passphrase)
    return Backend(keys, str(settings.signer_keys), keys.keys, keys.change_passphrase, keys.close)


def _token(settings: Settings, pin: str) -> Backend:
    from ca.signer.pkcs11 import TokenKeys

    hsm = settings.signer.hsm
    if hsm.module is None or not hsm.label or not pin:
        raise Unavailable(
            N_("The settings of the HSM are not complete."),
            mend=N_("Set signer.hsm.module and signer.hsm.label, and put the PIN into signer__hsm__pin."),
            place="signer.hsm",
        )
    keys = TokenKeys(hsm.module, hsm.label, pin, settings.signer_token_index)
    return Backend(keys, hsm.label, keys.probe, keys.change_pin, keys.close)
