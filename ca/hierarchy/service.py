"""The hierarchy's services, built from what they share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ca.hierarchy.acts.base import Tools
from ca.hierarchy.carrying import Offline
from ca.hierarchy.ceremony import Ceremonies
from ca.hierarchy.cross import Cross
from ca.hierarchy.ferry import Ferry
from ca.hierarchy.plan import Hierarchies
from ca.hierarchy.proposals import Proposals
from ca.hierarchy.sealing import Minutes, Sealer
from ca.issuance import Issuance
from ca.ports import Evidence, Signer
from ca.profiles import Profiles
from ca.status.making import ListMaker
from kernel.clock import Clock
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.store import Database


@dataclass(frozen=True)
class Hierarchy:
    """Proposals and ceremonies, requests to offline CAs, cross-certificates, minutes."""

    proposals: Proposals
    ceremonies: Ceremonies
    offline: Offline
    cross: Cross
    minutes: Minutes


def build_hierarchy(
    database: Database,
    clock: Clock,
    access: Access,
    approvals: Approvals,
    signer: Signer,
    profiles: Profiles,
    issuance: Issuance,
    maker: ListMaker,
    evidence: Evidence,
    sealer: Sealer,
    documents: Iterable[Mapping[str, Any]],
) -> Hierarchy:
    """``documents`` are the hierarchies of the policies."""
    tools = Tools(database, clock, signer, profiles, issuance, maker)
    proposals = Proposals(database, clock, access, approvals, profiles)
    ferry = Ferry(clock)
    ceremonies = Ceremonies(tools, access, approvals, proposals, ferry, evidence, Hierarchies(documents))
    return Hierarchy(
        proposals,
        ceremonies,
        Offline(database, clock, access, ferry, ceremonies, maker),
        Cross(database, clock, access, signer, ferry),
        Minutes(database, access, sealer),
    )
