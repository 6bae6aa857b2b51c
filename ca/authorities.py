"""Which CA issues what now."""

from collections.abc import Iterable

from sqlalchemy import Connection

from ca import store
from ca.model import ANY_PROFILE, Authority, AuthorityKind, AuthorityState
from kernel.errors import Unavailable
from kernel.i18n import N_


def authority_for(connection: Connection, profile_id: str) -> Authority:
    """The active issuing CA that names the profile, or else the one for all that no other names; Unavailable without."""
    found = authority_of(connection, profile_id)
    if found is not None:
        return found
    raise Unavailable(
        N_("No CA issues certificates of profile %(profile)s now."),
        mend=N_("Found one by a ceremony, or assign the profile to a CA: weicheng ca authorities."),
        place=profile_id,
        profile=profile_id,
    )


def authority_of(connection: Connection, profile_id: str) -> Authority | None:
    """As ``authority_for``; None without."""
    issuing = issuing_authorities(store.read_authorities(connection))
    for wanted in (profile_id, ANY_PROFILE):
        for found in issuing:
            if wanted in found.profiles and found.state is AuthorityState.ACTIVE:
                return found
    return None


def issuing_authorities(found: Iterable[Authority]) -> list[Authority]:
    """Those of them that have issued certificates to applicants and services, and still answer for them."""
    return [one for one in found if one.kind is AuthorityKind.ISSUING and one.signs_here]
