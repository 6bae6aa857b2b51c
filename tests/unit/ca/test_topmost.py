"""What concerns every unit (CAs, keys, services, trust anchors, lists of bad keys, the log) is the topmost unit's."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ca.service import CaService
from ca.signer.model import KeyRole
from kernel.errors import NotPermitted
from kernel.identity.model import Principal, Role
from tests.unit.ca.conftest import World

Act = Callable[[CaService, Principal], object]
ACTS: dict[str, Act] = {
    "found": lambda ca, by: ca.hierarchy.proposals.found(by, None),  # type: ignore[arg-type]
    "extend": lambda ca, by: ca.hierarchy.proposals.renew(by, "issuing", 5),
    "certify": lambda ca, by: ca.hierarchy.proposals.certify(by, b"", 5, ()),
    "adopt": lambda ca, by: ca.hierarchy.proposals.adopt(by, "issuing", b""),
    "take part in": lambda ca, by: ca.hierarchy.ceremonies.perform(by, "cer_x"),
    "turn down": lambda ca, by: ca.hierarchy.ceremonies.reject(by, "cer_x", "x"),
    "carry out": lambda ca, by: ca.hierarchy.offline.export(by, "ofr_x"),
    "have a list signed": lambda ca, by: ca.hierarchy.offline.order_list(by, "root", 90),
    "carry in": lambda ca, by: ca.hierarchy.offline.take(by, b"{}"),
    "allow weak keys": lambda ca, by: ca.blocklists.load(by, "x", b"x", "x"),
    "provision": lambda ca, by: ca.services.provision(by, KeyRole.OCSP),
    "trust": lambda ca, by: ca.anchors.propose(by, b"", name="x", note="x"),
    "agree to trust": lambda ca, by: ca.anchors.accept(by, "anc_x"),
    "trust no more": lambda ca, by: ca.anchors.remove(by, "anc_x", "x"),
    "propose to restart the log": lambda ca, by: ca.log.restarts.propose(by, "x"),
    "restart the log": lambda ca, by: ca.log.restarts.perform(by, "lgr_x"),
}


@pytest.mark.parametrize("act", ACTS)
def test_officers_of_another_unit_can_not(world: World, act: str) -> None:
    """Two of them would otherwise be enough for a CA below the city's root."""
    roles = frozenset({Role.SECURITY_OFFICER, Role.SYSTEM_ADMINISTRATOR})
    with pytest.raises(NotPermitted, match="topmost"):
        ACTS[act](world.ca, replace(world.officer, unit="u_county", roles=roles))
