"""Keys in several places at once: each role's are made in the place that the settings name, and sign where they lie."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ca.signer.model import KeyInfo, KeyRole, Purpose
from ca.signer.ports import Keys
from kernel.errors import Conflict, NotFound, Unavailable, WeichengError
from kernel.i18n import N_


class Place(StrEnum):
    """Where a private key lies."""

    FILE = "file"
    TOKEN = "token"  # noqa: S105 - an HSM's, no secret


@dataclass(frozen=True)
class Secrets:
    """What opens the places: the key file's pass-phrase and the token's PIN. Its text form shows neither."""

    passphrase: str = ""
    pin: str = ""

    def __repr__(self) -> str:
        return "Secrets(…)"


class PinRefused(Unavailable):
    """The token does not take the PIN. It is not tried again by itself: a few wrong ones lock a token for good."""


@dataclass(frozen=True)
class Backend:
    """One place: its keys, how it is asked whether it works, and what ends its use.

    ``change_secret`` gives back the secret in force afterwards.
    """

    keys: Keys
    where: str  # the file's path or the token's label
    probe: Callable[[], object]
    change_secret: Callable[[str], str]
    close: Callable[[], None]


@dataclass(frozen=True)
class PlaceStatus:
    """How a place stands; ``fault`` is None when it works."""

    place: Place
    where: str
    fault: WeichengError | None = None


class Backends:
    """Keys in the given places; ``at_token`` are the roles whose keys are made on the token."""

    def __init__(self, backends: Mapping[Place, Backend], at_token: frozenset[KeyRole]) -> None:
        self._backends = backends
        self._at_token = at_token
        self._known: dict[str, Place] = {}

    def generate(self, name: str, role: KeyRole, algorithm: str) -> KeyInfo:
        if self._find(name) is not None:
            raise Conflict(N_("There is a key %(name)s already."), name=name)
        place = Place.TOKEN if role in self._at_token else Place.FILE
        made = self._backend(place).keys.generate(name, role, algorithm)
        self._known[name] = place
        return made

    def keys(self) -> Sequence[KeyInfo]:
        found = [key for backend in self._backends.values() for key in backend.keys.keys()]
        return sorted(found, key=lambda key: key.name)

    def key(self, name: str) -> KeyInfo:
        return self._of(name).key(name)

    def sign(self, name: str, purpose: Purpose, tbs: bytes) -> bytes:
        return self._of(name).sign(name, purpose, tbs)

    def sign_digest(self, name: str, purpose: Purpose, digest: bytes) -> bytes:
        return self._of(name).sign_digest(name, purpose, digest)

    def standing(self) -> list[tuple[PlaceStatus, Sequence[KeyInfo]]]:
        """How each place stands, asked now, and its keys; none of a place with a fault."""
        found: list[tuple[PlaceStatus, Sequence[KeyInfo]]] = []
        for place, backend in self._backends.items():
            try:
                backend.probe()
                found.append((PlaceStatus(place, backend.where), backend.keys.keys()))
            except WeichengError as error:
                found.append((PlaceStatus(place, backend.where, error), ()))
        return found

    def change_secrets(self, new: Secrets) -> Secrets:
        """Give each place its new secret, the key file first; those in force afterwards."""
        passphrase = self._change(Place.FILE, new.passphrase)
        return Secrets(passphrase, self._change(Place.TOKEN, new.pin))

    def _change(self, place: Place, secret: str) -> str:
        return self._backends[place].change_secret(secret) if place in self._backends else ""

    def close(self) -> None:
        for backend in self._backends.values():
            backend.close()

    def _of(self, name: str) -> Keys:
        place = self._find(name)
        if place is None:
            raise NotFound(N_("There is no key %(name)s."), name=name[:80])
        return self._backends[place].keys

    def _find(self, name: str) -> Place | None:
        """The key file is looked at first: its keys sign while the token is away."""
        for place, backend in self._backends.items():
            if name in self._known:
                break
            self._known.update((key.name, place) for key in backend.keys.keys())
        return self._known.get(name)

    def _backend(self, place: Place) -> Backend:
        if place not in self._backends:
            raise Unavailable(
                N_("The signer has no key file for this key."),
                mend=N_("Put a pass-phrase into the secret file signer__passphrase."),
            )
        return self._backends[place]
