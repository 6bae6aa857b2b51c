"""Plans of key ceremonies as tests and drills use them."""

from ca.hierarchy.plan import CeremonyPlan, PlannedAuthority
from ca.service import CaService
from kernel.identity.model import Principal


def one_ca(organisation: str, root: str, issuing: str, *witnesses: str) -> CeremonyPlan:
    """A root of 20 years and one issuing CA of 10 years for every profile."""
    return CeremonyPlan(
        organisation,
        PlannedAuthority("root", root, "p384", 20),
        (PlannedAuthority("issuing", issuing, "p256", 10, ("*",)),),
        witnesses,
    )


def confirm_all(ca: CaService, officer: Principal, ceremony: str, person: str) -> None:
    """Confirm every item that waits, in one person's name, with the digests as they are."""
    while True:
        found = ca.ceremonies.show(officer, ceremony)
        step = found.next
        if step is None or not step.by_hand:
            return
        made = {
            one: digest
            for done in found.steps
            for one, digest in (done.result or {}).get("authorities", {}).items()
        }
        ca.ceremonies.confirm(officer, ceremony, step.number, person, digest=made.get(step.about, "")[:20])
