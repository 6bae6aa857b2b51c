"""Names of roles as people say them."""

from collections.abc import Mapping

from kernel.i18n import N_
from kernel.identity.model import Role

ROLE_NAMES: Mapping[Role, str] = {
    Role.SYSTEM_ADMINISTRATOR: N_("System administrator"),
    Role.SECURITY_OFFICER: N_("Security officer"),
    Role.AUDITOR: N_("Security auditor"),
    Role.REGISTRAR: N_("Registrar"),
    Role.NETWORK_ADMINISTRATOR: N_("Network administrator"),
    Role.SOC_ANALYST: N_("Security operations analyst"),
    Role.DR_ADMINISTRATOR: N_("Disaster recovery administrator"),
    Role.ASSESSOR: N_("Assessor"),
}


def role_name(role: Role) -> str:
    """The role's name as a message id."""
    return ROLE_NAMES[role]
