"""How the signer stands and its activation, over the signer's socket: the process's side and the side of those who ask.

Shares travel as bodies of messages, never in headers, which are logged when they are refused.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ca.signer.activation import Activation
from ca.signer.client import SocketSigner
from ca.signer.hardening import Protection
from ca.signer.model import KeyInfo
from ca.signer.record import Plan
from ca.signer.shares import Share
from kernel.canonical import sha256_hex
from kernel.errors import ErrorCode, Invalid, WeichengError, rebuild
from kernel.i18n import N_

OPERATIONS = frozenset({"status", "present", "deactivate", "begin", "collect", "confirm", "cancel"})


@dataclass(frozen=True)
class ShareStatus:
    """One officer's share: whether it is ``there`` (presented, or of a new set: confirmed)."""

    number: int
    account: str
    name: str
    there: bool


@dataclass(frozen=True)
class SetStatus:
    """A set of shares. Of a new set ``agreed`` tells whether the holders of the old one let it."""

    threshold: int
    made_at: str
    shares: tuple[ShareStatus, ...]
    agreed: bool = True


@dataclass(frozen=True)
class PlaceStatus:
    """Where keys lie: "file" or "token", which one, and what is wrong with it."""

    place: str
    where: str
    fault: WeichengError | None = None


@dataclass(frozen=True)
class KeyStatus:
    """A key: its role, algorithm and place, and the SHA-256 of its public key."""

    name: str
    role: str
    algorithm: str
    place: str
    fingerprint: str


@dataclass(frozen=True)
class SignerStatus:
    """The signer as it stands. ``shares`` is None while it opens its keys by the secrets of its settings."""

    running: bool = True
    active: bool = False
    shares: SetStatus | None = None
    new: SetStatus | None = None
    seconds_left: float | None = None
    places: tuple[PlaceStatus, ...] = ()
    keys: tuple[KeyStatus, ...] = ()
    no_core_dump: bool = False
    memory_locked: bool = False
    no_network: bool = False

    @property
    def state(self) -> str:
        """absent, waiting (for shares), faulty (a place of keys does not answer) or active."""
        if not self.running:
            return "absent"
        if not self.active:
            return "waiting"
        return "faulty" if any(one.fault for one in self.places) else "active"

    @property
    def present(self) -> int:
        return sum(1 for share in self.shares.shares if share.there) if self.shares else 0


@dataclass
class Control:
    """The signer's own side: answers the OPERATIONS."""

    activation: Activation
    protection: Protection

    def answer(self, header: Mapping[str, Any], body: bytes) -> bytes:
        """The body of the answer; Invalid for a request that is none."""
        operation = header["operation"]
        if operation == "status":
            return json.dumps(self._status()).encode()
        try:
            return self._act(str(operation), header, body)
        except (KeyError, TypeError, ValueError) as error:
            raise Invalid(N_("The signer does not know this request.")) from error

    def _act(self, operation: str, header: Mapping[str, Any], body: bytes) -> bytes:
        account = str(header.get("account", ""))
        if operation == "present":
            return json.dumps(self.activation.present(account, _share(header, body))).encode()
        if operation == "confirm":
            return json.dumps(self.activation.confirm(account, _share(header, body))).encode()
        if operation == "collect":
            share = self.activation.collect(account)
            return json.dumps(_named(share)).encode() + b"\n" + share.value
        if operation == "begin":
            holders = {str(one["account"]): str(one["name"]) for one in header["holders"]}
            self.activation.begin(int(header["threshold"]), holders)
        elif operation == "cancel":
            self.activation.cancel()
        else:
            self.activation.deactivate()
        return b""

    def _status(self) -> dict[str, Any]:
        found = self.activation.standing()
        seen = found.backends.standing() if found.backends else []
        return {
            "active": found.backends is not None,
            "shares": _set(found.plan, lambda one: one.number in found.present),
            "new": _set(found.new, lambda one: one.account in found.confirmed, agreed=found.agreed),
            "seconds_left": found.seconds_left,
            "places": [
                {"place": str(one.place), "where": one.where, "fault": _fault(one.fault)} for one, _ in seen
            ],
            "keys": [_key(key, str(one.place)) for one, keys in seen for key in keys],
            **asdict(self.protection),
        }


class SignerControl:
    """The side of those who ask, over the socket."""

    def __init__(self, signer: SocketSigner) -> None:
        self._signer = signer

    def status(self) -> SignerStatus:
        """Unavailable when the signer does not run."""
        told = json.loads(self._signer.call({"operation": "status"}))
        places = tuple(PlaceStatus(**one | {"fault": _rebuilt(one["fault"])}) for one in told["places"])
        keys = tuple(KeyStatus(**one) for one in told["keys"])
        sets = {name: _read_set(told[name]) for name in ("shares", "new")}
        return SignerStatus(**told | sets | {"places": places, "keys": keys})

    def present(self, account: str, share: Share) -> bool:
        """True when enough shares are there now; errors as ``Activation.present``."""
        return bool(json.loads(self._signer.call(_asking("present", account, share), share.value)))

    def deactivate(self) -> None:
        self._signer.call({"operation": "deactivate"})

    def begin(self, threshold: int, holders: Mapping[str, str]) -> None:
        """A new set for the holders (account -> name)."""
        listed = [{"account": account, "name": name} for account, name in holders.items()]
        self._signer.call({"operation": "begin", "threshold": threshold, "holders": listed})

    def collect(self, account: str) -> Share:
        head, _, value = self._signer.call({"operation": "collect", "account": account}).partition(b"\n")
        return _share(json.loads(head), value)

    def confirm(self, account: str, share: Share) -> bool:
        """True when the new set is in force now."""
        return bool(json.loads(self._signer.call(_asking("confirm", account, share), share.value)))

    def cancel(self) -> None:
        self._signer.call({"operation": "cancel"})


def _asking(operation: str, account: str, share: Share) -> dict[str, Any]:
    return {"operation": operation, "account": account, **_named(share)}


def _named(share: Share) -> dict[str, Any]:
    return {
        "set": share.set.hex(),
        "number": share.number,
        "threshold": share.threshold,
        "count": share.count,
    }


def _share(header: Mapping[str, Any], value: bytes) -> Share:
    number, threshold, count = (int(header[name]) for name in ("number", "threshold", "count"))
    return Share(bytes.fromhex(header["set"]), number, threshold, count, bytes(value))


def _set(plan: Plan | None, there: Any, *, agreed: bool = True) -> dict[str, Any] | None:
    if plan is None:
        return None
    shares = [
        {"number": one.number, "account": one.account, "name": one.name, "there": there(one)}
        for one in plan.holders
    ]
    return {"threshold": plan.threshold, "made_at": plan.made_at, "shares": shares, "agreed": agreed}


def _read_set(told: Mapping[str, Any] | None) -> SetStatus | None:
    if told is None:
        return None
    return SetStatus(**{**told, "shares": tuple(ShareStatus(**one) for one in told["shares"])})


def _key(key: KeyInfo, place: str) -> dict[str, str]:
    fingerprint = sha256_hex(key.spki)
    return asdict(KeyStatus(key.name, str(key.role), key.algorithm, place, fingerprint))


def _fault(error: WeichengError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    params = {name: str(value) for name, value in error.params.items()}
    told = {"message": error.message, "mend": error.mend, "place": error.place, "params": params}
    return {"code": str(error.code), **told}


def _rebuilt(told: Mapping[str, Any] | None) -> WeichengError | None:
    if told is None:
        return None
    code, message, params = ErrorCode(told["code"]), told["message"], told["params"]
    return rebuild(code, message, mend=told["mend"], place=told["place"], **params)
