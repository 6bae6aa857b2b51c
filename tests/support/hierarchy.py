"""Plans of key ceremonies as tests and drills use them."""

from ca.hierarchy.plan import CeremonyPlan, PlannedAuthority


def one_ca(organisation: str, root: str, issuing: str, *witnesses: str) -> CeremonyPlan:
    """A root of 20 years and one issuing CA of 10 years for every profile."""
    return CeremonyPlan(
        organisation,
        PlannedAuthority("root", root, "p384", 20),
        (PlannedAuthority("issuing", issuing, "p256", 10, ("*",)),),
        witnesses,
    )
