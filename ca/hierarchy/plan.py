"""What a key ceremony is to make: one root and the CAs below it, each with the profiles that it issues. Pure.

A hierarchy is data (policies/data/hierarchies, or a file of the officer's own); with organisation and witnesses it is a plan.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ca.hierarchy.script import check_script
from ca.model import ANY_PROFILE
from ca.profiles import Profiles, Usage
from kernel.canonical import canonical_json
from kernel.errors import Invalid, NotFound
from kernel.i18n import N_
from kernel.pki.algorithms import algorithm

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")
_LARGEST = 65536  # octets of a plan's file
LONGEST_LIFE = 30  # years of a root


@dataclass(frozen=True)
class PlannedAuthority:
    """A CA to be founded: its short name, common name, kind of key, years of validity, and the profiles it shall issue.

    The key of an ``offline`` one, a root, is made and kept on another machine.
    """

    id: str
    name: str
    algorithm: str
    years: int
    profiles: tuple[str, ...] = ()
    offline: bool = False


@dataclass(frozen=True)
class CeremonyPlan:
    """A hierarchy with its organisation and the witnesses who sign the minutes by name.

    ``checklist`` is what is done in which order (ca.hierarchy.script); empty: root and issuing CAs, without anybody's word.
    """

    organisation: str
    root: PlannedAuthority
    issuing: tuple[PlannedAuthority, ...]
    witnesses: tuple[str, ...]
    checklist: tuple[Mapping[str, Any], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As it is stored and approved."""
        return dict(json.loads(canonical_json(asdict(self))))

    def check(self, profiles: Profiles) -> None:
        """Invalid or ProfileViolation for what could not be founded, so that nobody meets for it in vain."""
        if not self.witnesses:
            raise Invalid(N_("A ceremony needs at least one witness."), place="witnesses")
        check_script(self.checklist)
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
        online = not any(one.offline for one in self.issuing)
        if not (self.issuing and online) or len(set(ids)) != len(ids) or not all(map(is_id, ids)):
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


def _plan(document: Any, organisation: str, witnesses: Sequence[str]) -> CeremonyPlan:
    if not isinstance(document, Mapping):
        raise TypeError("no mapping")
    return CeremonyPlan(
        organisation,
        _named(planned_of(document["root"]), organisation),
        tuple(_named(planned_of(one), organisation) for one in document["issuing"]),
        tuple(witnesses),
        tuple(document.get("checklist", ())),
    )


def _named(planned: PlannedAuthority, organisation: str) -> PlannedAuthority:
    return replace(planned, name=planned.name.replace("{organisation}", organisation))


def planned_of(stored: Mapping[str, Any]) -> PlannedAuthority:
    """A CA of a plan or of a hierarchy's document; KeyError or TypeError for what is none."""
    texts = {name: stored[name] for name in ("id", "name", "algorithm")}
    profiles = tuple(stored.get("profiles", ()))
    if not all(isinstance(text, str) for text in (*texts.values(), *profiles)):
        raise TypeError("id, name, algorithm and profiles are texts")
    offline = stored.get("offline", False) is True
    return PlannedAuthority(**texts, years=int(stored["years"]), profiles=profiles, offline=offline)


def is_id(text: str) -> bool:
    """Whether a CA can be called so in addresses and key names."""
    return _ID.fullmatch(text) is not None
