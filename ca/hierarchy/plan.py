"""What a key ceremony is to make: one root and the CAs below it, each with the profiles that it issues. Pure.

A hierarchy is data (policies/data/hierarchies, or a file of the officer's own); with organisation and witnesses it is a plan.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ca.model import ANY_PROFILE
from ca.profiles import Profiles, Usage
from kernel.errors import Invalid, NotFound
from kernel.i18n import N_
from kernel.pki.algorithms import algorithm

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")
_LARGEST = 65536  # octets of a plan's file
LONGEST_LIFE = 30  # years of a root


@dataclass(frozen=True)
class PlannedAuthority:
    """A CA to be founded: its short name, common name, kind of key, years of validity, and the profiles it shall issue."""

    id: str
    name: str
    algorithm: str
    years: int
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True)
class CeremonyPlan:
    """A hierarchy with its organisation and the witnesses who sign the minutes by name."""

    organisation: str
    root: PlannedAuthority
    issuing: tuple[PlannedAuthority, ...]
    witnesses: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def check(self, profiles: Profiles) -> None:
        """Invalid or ProfileViolation for what could not be founded, so that nobody meets for it in vain."""
        if not self.witnesses:
            raise Invalid(N_("A ceremony needs at least one witness."), place="witnesses")
        self._check_ids()
        if not all(1 <= one.years <= self.root.years <= LONGEST_LIFE for one in self.issuing):
            raise Invalid(
                N_("The issuing CA may not outlive the root, and the root 30 years."), place="years"
            )
        for one, profile_id in ((self.root, "root"), *((below, "issuing-ca") for below in self.issuing)):
            profile = profiles.get(profile_id)
            profile.check_key(algorithm(one.algorithm))
            profile.complete_subject({"O": self.organisation, "CN": one.name})
        self._check_profiles(profiles)

    def _check_ids(self) -> None:
        ids = [one.id for one in (self.root, *self.issuing)]
        if not self.issuing or len(set(ids)) != len(ids) or not all(_ID.fullmatch(one) for one in ids):
            raise Invalid(
                N_("A hierarchy has a root and at least one issuing CA, each with a short name of its own."),
                mend=N_("Use a-z, 0-9 and hyphen, at most 30 characters."),
                place="id",
            )

    def _check_profiles(self, profiles: Profiles) -> None:
        named = [profile_id for one in self.issuing for profile_id in one.profiles]
        for profile_id in named:
            if profile_id != ANY_PROFILE and profiles.get(profile_id).usage is Usage.AUTHORITY:
                raise Invalid(
                    N_("Profile %(profile)s is not issued to applicants or services."),
                    place="profiles",
                    profile=profile_id,
                )
            if named.count(profile_id) > 1:
                raise Invalid(
                    N_("Two CAs would issue profile %(profile)s."), place="profiles", profile=profile_id
                )


class Hierarchies:
    """The hierarchies of the policies, by id."""

    def __init__(self, documents: Iterable[Mapping[str, Any]]) -> None:
        self._by_id = {document["id"]: document for document in documents}

    def titles(self, language: str) -> dict[str, str]:
        """id -> title in ``zh`` or ``en``."""
        return {key: document["title"][language] for key, document in sorted(self._by_id.items())}

    def plan(self, hierarchy: str, organisation: str, witnesses: Sequence[str]) -> CeremonyPlan:
        """The plan by a hierarchy of the policies; NotFound names those there are."""
        if hierarchy not in self._by_id:
            raise NotFound(
                N_("There is no hierarchy %(hierarchy)s."),
                mend=N_("Known: %(known)s."),
                hierarchy=hierarchy[:60],
                known=", ".join(sorted(self._by_id)),
            )
        return _plan(self._by_id[hierarchy], organisation, witnesses)


def plan_from_file(data: bytes, organisation: str, witnesses: Sequence[str]) -> CeremonyPlan:
    """The plan by a hierarchy in YAML, as in policies/data/hierarchies (id and title may be missing); Invalid otherwise."""
    import yaml

    try:
        document = yaml.safe_load(data.decode()) if len(data) <= _LARGEST else None
        return _plan(document, organisation, witnesses)
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise Invalid(
            N_("The hierarchy can not be read: %(detail)s"),
            mend=N_("Compare it with the files of policies/data/hierarchies."),
            place="plan",
            detail=f"{type(error).__name__}: {error}"[:200],
        ) from error


def plan_of(stored: Mapping[str, Any]) -> CeremonyPlan:
    """The plan that ``as_dict`` gave."""
    return CeremonyPlan(
        organisation=stored["organisation"],
        root=_authority(stored["root"]),
        issuing=tuple(_authority(one) for one in stored["issuing"]),
        witnesses=tuple(stored["witnesses"]),
    )


def _plan(document: Any, organisation: str, witnesses: Sequence[str]) -> CeremonyPlan:
    if not isinstance(document, Mapping):
        raise TypeError("no mapping")
    return CeremonyPlan(
        organisation,
        _named(_authority(document["root"]), organisation),
        tuple(_named(_authority(one), organisation) for one in document["issuing"]),
        tuple(witnesses),
    )


def _named(planned: PlannedAuthority, organisation: str) -> PlannedAuthority:
    name = planned.name.replace("{organisation}", organisation)
    return PlannedAuthority(planned.id, name, planned.algorithm, planned.years, planned.profiles)


def _authority(stored: Mapping[str, Any]) -> PlannedAuthority:
    texts = {name: stored[name] for name in ("id", "name", "algorithm")}
    profiles = tuple(stored.get("profiles", ()))
    if not all(isinstance(text, str) for text in (*texts.values(), *profiles)):
        raise TypeError("id, name, algorithm and profiles are texts")
    return PlannedAuthority(**texts, years=int(stored["years"]), profiles=profiles)
