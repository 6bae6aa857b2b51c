"""Building the room of graded protection, and the facts that it asks of the suite."""

from collections.abc import Mapping
from typing import Any

from console.compose.floor import Floor
from kernel.identity.model import INCOMPATIBLE, Principal, UserState
from policies.assessment.conclusion import template_from
from policies.assessment.service import AssessmentService
from policies.catalogue.model import catalogue_from
from policies.package.masking import profile_from
from policies.package.service import PackageService
from policies.registry import load
from policies.service import PoliciesService, SuiteEvidence
from policies.systems.service import SystemsService


def build(floor: Floor) -> PoliciesService:
    """The service over one floor; all policy data is validated here, so that faulty data stops the start."""
    data = load()
    catalogue = catalogue_from([document.value for document in data.part("catalogue")], data.version)
    template = template_from(data.part("conclusions")[-1].value)  # the newest edition is in force
    profiles = [profile_from(document.value) for document in data.part("masking")]
    systems = SystemsService(floor.database, floor.clock, floor.access, floor.register)
    assessments = AssessmentService(
        floor.database,
        floor.clock,
        floor.access,
        floor.register,
        floor.evidence,
        systems,
        catalogue,
        template,
    )
    packages = PackageService(
        floor.database,
        floor.clock,
        floor.access,
        floor.evidence,
        floor.evidence.sealer,
        systems,
        assessments,
        {profile.id: profile for profile in profiles},
        floor.settings.organisation,
        floor.settings.timezone,
    )
    suite = SuiteEvidence(floor.database, floor.access, floor.evidence, Facts(floor))
    return PoliciesService(data, systems, assessments, packages, suite)


class Facts:
    """Sign-in rules as they are in force, and whether all people are bound by them."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def identity_policy(self) -> Mapping[str, Any]:
        """Whether every active account has a second factor, and what the settings demand."""
        identity, web = self._floor.settings.identity, self._floor.settings.web
        users = self._floor.identity.users(Principal.system("policies"))
        active = [user for user in users if user.state is UserState.ACTIVE]
        without = [user.id for user in active if not user.has_totp]
        return {
            "second_factor": not without,
            "accounts": len(active),
            "accounts_without_second_factor": without,
            "password_length": identity.password_length,
            "lock_after": identity.lock_after,
            "lock_minutes": identity.lock_minutes,
            "idle_minutes": web.idle_minutes,
            "separation": not [user for user in users if any(pair <= user.roles for pair in INCOMPATIBLE)],
        }
