"""Rules for the subject's attributes and for alternative names. Pure; each fault names the field and what would be allowed."""

import ipaddress
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from ca.profiles.model import ProfileViolation
from kernel.i18n import N_

EVERY_UNIT = ""  # the key of what all units may use
MOST_NAMES = 100

# lower-case letter-digit-hyphen labels (RFC 1123), 253 characters at most: no wildcard, no blank, no second spelling
_HOST = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
_LENGTH = re.compile(r"\.\{(\d+),(\d+)\}")


@dataclass(frozen=True)
class Attribute:
    """Rule for one attribute of the name: a fixed value, or a pattern that the whole value matches."""

    value: str | None
    pattern: re.Pattern[str] | None
    required: bool

    def complete(self, profile: str, key: str, given: str | None) -> str | None:
        """The value it gets, None for none; ProfileViolation otherwise."""
        if self.value is not None:
            if given not in (None, self.value):
                raise violation(
                    profile, key, N_("Profile %(profile)s sets this attribute itself."), N_("Leave it out.")
                )
            return self.value
        if given is None or not given.strip():
            if self.required:
                raise violation(
                    profile, key, N_("Profile %(profile)s needs this attribute."), N_("Fill it in.")
                )
            return None
        if _unseen(given):
            raise violation(
                profile, key, N_("The value holds characters that can not be seen."), N_("Type it anew.")
            )
        if self.pattern is not None and not self.pattern.fullmatch(given):
            raise _unfitting(profile, key, self.pattern.pattern)
        return given


@dataclass(frozen=True)
class NameRules:
    """Alternative names: DNS suffixes and IP ranges by unit (``EVERY_UNIT``: for all), patterns of the other kinds.

    A unit may use its own, those of the units above it, and those for all.
    """

    dns: Mapping[str, tuple[str, ...]]
    ip: Mapping[str, tuple[IPv4Network | IPv6Network, ...]]
    email: re.Pattern[str] | None
    uri: re.Pattern[str] | None
    required: bool

    @property
    def by_unit(self) -> bool:
        """Whether what is allowed depends on the unit."""
        return any(unit != EVERY_UNIT for unit in (*self.dns, *self.ip))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of names that are allowed to some unit: of ``dns``, ``ip``, ``email``, ``uri``."""
        rules = {"dns": self.dns, "ip": self.ip, "email": self.email, "uri": self.uri}
        return tuple(kind for kind, rule in rules.items() if rule)

    def allowed(self, kind: str, units: Sequence[str] = ()) -> tuple[str, ...]:
        """What a name of that kind has to be for a unit: suffixes, ranges, or the pattern. ``units``: it and those above."""
        if kind == "dns":
            return self._suffixes(units)
        if kind == "ip":
            return tuple(str(network) for network in self._networks(units))
        pattern = {"email": self.email, "uri": self.uri}.get(kind)
        return (pattern.pattern,) if pattern else ()

    def described(self) -> list[str]:
        """What is allowed, one line each: ``dns:*.suffix``, ``ip:range``, ``email:pattern``; a unit's own has its id behind."""
        found = [(unit, f"dns:*.{suffix}") for unit, suffixes in self.dns.items() for suffix in suffixes]
        found += [(unit, f"ip:{network}") for unit, networks in self.ip.items() for network in networks]
        lines = [f"{text} ({unit})" if unit else text for unit, text in found]
        patterns = (("email", self.email), ("uri", self.uri))
        return lines + [f"{kind}:{pattern.pattern}" for kind, pattern in patterns if pattern]

    def check(self, profile: str, names: Sequence[str], units: Sequence[str]) -> None:
        """ProfileViolation for the first name that is not allowed; it tells what is."""
        if self.required and not names:
            raise violation(profile, "names", N_("This profile needs at least one alternative name."))
        if len(names) > MOST_NAMES:
            raise violation(profile, "names", N_("At most 100 alternative names."))
        for name in names:
            if not self._allows(name, units):
                raise self._refusal(profile, name, units)

    def _suffixes(self, units: Sequence[str]) -> tuple[str, ...]:
        return tuple(suffix for unit in (EVERY_UNIT, *units) for suffix in self.dns.get(unit, ()))

    def _networks(self, units: Sequence[str]) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(network for unit in (EVERY_UNIT, *units) for network in self.ip.get(unit, ()))

    def _allows(self, name: str, units: Sequence[str]) -> bool:
        kind, _, value = name.partition(":")
        if kind == "dns":
            suffixes = self._suffixes(units)
            return _HOST.fullmatch(value) is not None and any(
                value == suffix or value.endswith("." + suffix) for suffix in suffixes
            )
        if kind == "ip":
            return _within(value, self._networks(units))
        pattern = {"email": self.email, "uri": self.uri}.get(kind)
        return pattern is not None and pattern.fullmatch(value) is not None

    def _refusal(self, profile: str, name: str, units: Sequence[str]) -> ProfileViolation:
        kind = name.partition(":")[0]
        if kind not in self.kinds:
            allowed, mend = self.kinds, N_("Kinds of names that it allows: %(allowed)s.")
        else:
            allowed, mend = self.allowed(kind, units), N_("Allowed: %(allowed)s.")
        message = N_("Profile %(profile)s does not allow this alternative name.")
        if kind in ("dns", "ip") and self.by_unit:
            message = N_("Profile %(profile)s does not allow this alternative name to unit %(unit)s.")
        shown = ", ".join(allowed) or "—"
        return violation(profile, name, message, mend, allowed=shown, unit=units[0] if units else "—")


def violation(profile: str, place: str, message: str, mend: str = "", **params: str) -> ProfileViolation:
    """The error for ``place``, a field of the request."""
    mend = mend or N_("The profile's page tells its rules, as weicheng ca profile show does.")
    return ProfileViolation(message, mend=mend, place=place[:120], profile=profile, **params)


def _unfitting(profile: str, key: str, pattern: str) -> ProfileViolation:
    """Tells the length where that is all that a pattern asks for."""
    message = N_("The value does not fit profile %(profile)s.")
    if (length := _LENGTH.fullmatch(pattern)) is None:
        return violation(profile, key, message, N_("It has to match: %(pattern)s"), pattern=pattern)
    mend = N_("It has %(least)s to %(most)s characters.")
    return violation(profile, key, message, mend, least=length[1], most=length[2])


def _unseen(text: str) -> bool:
    """Whether it holds characters of category C: control, format (bidirectional marks), surrogate, private, unassigned."""
    if text.isascii():
        return not text.isprintable()
    return any(unicodedata.category(character)[0] == "C" for character in text)


def _within(value: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return any(address.version == network.version and address in network for network in networks)
