"""Every permission of the suite (``scope:resource:action``) and the roles that hold it.

Deny by default: a permission missing from ROLE_PERMISSIONS is held by nobody.
"""

from enum import StrEnum

from kernel.identity.model import Principal, Role


class Permission(StrEnum):
    """What may be done, as services ask for it."""

    # identity and the suite
    IDENTITY_READ = "identity:user:read"
    IDENTITY_USER_WRITE = "identity:user:write"
    IDENTITY_ROLE_GRANT = "identity:role:grant"
    IDENTITY_SESSION_END = "identity:session:end"
    CREDENTIAL_WRITE = "identity:credential:write"
    AUDIT_READ = "audit:record:read"
    AUDIT_VERIFY = "audit:chain:verify"
    AUDIT_EXPORT = "audit:trail:export"
    JOB_READ = "jobs:job:read"
    JOB_CANCEL = "jobs:job:cancel"
    JOB_RETRY = "jobs:job:retry"
    JOB_SUITE = "jobs:suite:manage"  # cancel and retry what is of no unit and somebody else asked for
    HEALTH_READ = "suite:health:read"
    ASSET_READ = "assets:asset:read"
    ASSET_WRITE = "assets:asset:write"
    EVIDENCE_READ = "evidence:record:read"
    EVIDENCE_SEAL = "evidence:record:seal"
    # device configurations
    MONITOR_READ = "monitor:device:read"
    MONITOR_CHECK = "monitor:device:check"
    MONITOR_FINDING_ACKNOWLEDGE = "monitor:finding:acknowledge"
    MONITOR_FINDING_EXCEPT = "monitor:finding:except"
    NETOPS_CONFIG_READ = "netops:config:read"
    NETOPS_CONFIG_COLLECT = "netops:config:collect"
    NETOPS_CONFIG_RESTORE = "netops:config:restore"
    NETOPS_HOSTKEY_TRUST = "netops:hostkey:trust"
    NETOPS_ARCHIVE_VERIFY = "netops:archive:verify"
    NETOPS_FINDING_READ = "netops:finding:read"
    NETOPS_FINDING_ACKNOWLEDGE = "netops:finding:acknowledge"
    NETOPS_FINDING_EXCEPT = "netops:finding:except"
    NETOPS_FINDING_VERIFY = "netops:finding:verify"
    # certification
    CA_READ = "ca:certificate:read"
    CA_REQUEST_FILE = "ca:request:file"
    CA_REQUEST_APPROVE = "ca:request:approve"
    CA_REVOKE = "ca:certificate:revoke"
    CA_HOLD = "ca:certificate:hold"
    CA_HOLD_BY_PHONE = "ca:certificate:hold-by-phone"
    CA_PAPER_READ = "ca:paper:read"
    CA_PASSWORD_TELL = "ca:password:tell"  # noqa: S105 - a name, no password
    CA_CEREMONY_PROPOSE = "ca:ceremony:propose"
    CA_CEREMONY_APPROVE = "ca:ceremony:approve"
    CA_PROVISION = "ca:service:provision"
    CA_CRL_PUBLISH = "ca:crl:publish"
    CA_VALIDATE = "ca:validation:ask"
    CA_ANCHOR_PROPOSE = "ca:anchor:propose"
    CA_INVENTORY_READ = "ca:inventory:read"
    CA_INVENTORY_WORK = "ca:inventory:work"
    CA_ANCHOR_APPROVE = "ca:anchor:approve"
    CA_SIGNER_READ = "ca:signer:read"
    CA_SIGNER_OPERATE = "ca:signer:operate"
    LOG_READ = "ca:log:read"
    LOG_CHECK = "ca:log:check"
    LOG_RESTART = "ca:log:restart"
    TIMESTAMP_READ = "ca:timestamp:read"
    CA_PROFILE_PROPOSE = "ca:profile:propose"
    CA_PROFILE_APPROVE = "ca:profile:approve"
    # disaster recovery
    BACKUP_READ = "backup:plan:read"
    BACKUP_RUN = "backup:run:start"
    BACKUP_VERIFY = "backup:replica:verify"
    BACKUP_MEND = "backup:replica:mend"
    BACKUP_DRILL = "backup:drill:run"
    # logs, alerts and cases
    SIEM_EVENT_READ = "siem:event:read"
    SIEM_EVENT_IMPORT = "siem:event:import"
    SIEM_EVENT_DELETE = "siem:event:delete"
    SIEM_ALERT_READ = "siem:alert:read"
    SIEM_ALERT_TRIAGE = "siem:alert:triage"
    SIEM_CASE_READ = "siem:case:read"
    SIEM_CASE_WRITE = "siem:case:write"
    SIEM_RULE_READ = "siem:rule:read"
    # graded protection
    POLICIES_READ = "policies:assessment:read"
    POLICIES_SYSTEM_WRITE = "policies:system:write"
    POLICIES_ASSESS = "policies:assessment:run"
    POLICIES_CONFIRM = "policies:result:confirm"
    POLICIES_REMEDIATE = "policies:remediation:write"
    POLICIES_EXPORT = "policies:package:export"


# Permissions by which a second person approves: never held by an internal actor or by a program with a token.
APPROVING: frozenset[Permission] = frozenset(
    {
        Permission.IDENTITY_ROLE_GRANT,
        Permission.CA_REQUEST_APPROVE,
        Permission.CA_CEREMONY_APPROVE,
        Permission.CA_ANCHOR_APPROVE,
        Permission.CA_SIGNER_OPERATE,
        Permission.CA_PROFILE_APPROVE,
    }
)

_P = Permission
ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.SYSTEM_ADMINISTRATOR: frozenset(
        {
            _P.IDENTITY_READ,
            _P.IDENTITY_USER_WRITE,
            _P.IDENTITY_SESSION_END,
            _P.JOB_READ,
            _P.JOB_CANCEL,
            _P.JOB_RETRY,
            _P.JOB_SUITE,
            _P.HEALTH_READ,
        }
        | {_P.ASSET_READ}
    ),
    Role.SECURITY_OFFICER: frozenset(
        {
            _P.IDENTITY_READ,
            _P.IDENTITY_ROLE_GRANT,
            _P.CREDENTIAL_WRITE,
            _P.ASSET_READ,
            _P.EVIDENCE_READ,
            _P.EVIDENCE_SEAL,
        }
        | {_P.JOB_READ, _P.HEALTH_READ}
    ),
    Role.AUDITOR: frozenset({_P.AUDIT_READ, _P.AUDIT_VERIFY, _P.AUDIT_EXPORT}),
    Role.REGISTRAR: frozenset({_P.ASSET_READ}),
    Role.NETWORK_ADMINISTRATOR: frozenset(
        {
            _P.ASSET_READ,
            _P.ASSET_WRITE,
            _P.CREDENTIAL_WRITE,
            _P.JOB_READ,
            _P.JOB_CANCEL,
            _P.JOB_RETRY,
            _P.EVIDENCE_READ,
            _P.HEALTH_READ,
        }
    ),
    Role.SOC_ANALYST: frozenset({_P.ASSET_READ, _P.EVIDENCE_READ, _P.JOB_READ, _P.HEALTH_READ}),
    Role.DR_ADMINISTRATOR: frozenset(
        {_P.ASSET_READ, _P.EVIDENCE_READ, _P.JOB_READ, _P.JOB_CANCEL, _P.JOB_RETRY, _P.HEALTH_READ}
    ),
    Role.ASSESSOR: frozenset({_P.ASSET_READ, _P.EVIDENCE_READ}),
}


# Monitoring: the network administrator works with it, the analyst may look again, the officer decides on exceptions.
_MONITOR: dict[Role, frozenset[Permission]] = {
    Role.NETWORK_ADMINISTRATOR: frozenset(
        {_P.MONITOR_READ, _P.MONITOR_CHECK, _P.MONITOR_FINDING_ACKNOWLEDGE}
    ),
    Role.SECURITY_OFFICER: frozenset({_P.MONITOR_READ, _P.MONITOR_FINDING_EXCEPT}),
    Role.SOC_ANALYST: frozenset({_P.MONITOR_READ, _P.MONITOR_CHECK}),
    Role.ASSESSOR: frozenset({_P.MONITOR_READ}),
}
for _role, _held in _MONITOR.items():
    ROLE_PERMISSIONS[_role] |= _held

# Device configurations: the network administrator works with them, the security officer decides on exceptions and confirms
# what is mended, the analyst may ask for a fresh copy, the DR administrator proves the archive whole.
_NETOPS_READ = frozenset({_P.NETOPS_CONFIG_READ, _P.NETOPS_FINDING_READ})
_NETOPS: dict[Role, frozenset[Permission]] = {
    Role.NETWORK_ADMINISTRATOR: _NETOPS_READ
    | {
        _P.NETOPS_CONFIG_COLLECT,
        _P.NETOPS_CONFIG_RESTORE,
        _P.NETOPS_HOSTKEY_TRUST,
        _P.NETOPS_ARCHIVE_VERIFY,
        _P.NETOPS_FINDING_ACKNOWLEDGE,
    },
    Role.SECURITY_OFFICER: _NETOPS_READ | {_P.NETOPS_FINDING_EXCEPT, _P.NETOPS_FINDING_VERIFY},
    Role.SOC_ANALYST: _NETOPS_READ | {_P.NETOPS_CONFIG_COLLECT},
    Role.DR_ADMINISTRATOR: frozenset({_P.NETOPS_CONFIG_READ, _P.NETOPS_ARCHIVE_VERIFY}),
    Role.ASSESSOR: _NETOPS_READ,
}
for _role, _held in _NETOPS.items():
    ROLE_PERMISSIONS[_role] |= _held

# Certification: who registers does not approve; officers found the CA two at a time; machine owners and assessors look.
_CA: dict[Role, frozenset[Permission]] = {
    Role.REGISTRAR: frozenset(
        {_P.CA_READ, _P.CA_REQUEST_FILE, _P.CA_PAPER_READ, _P.CA_PASSWORD_TELL, _P.CA_HOLD_BY_PHONE}
    ),
    Role.SECURITY_OFFICER: frozenset(
        {
            _P.CA_READ,
            _P.CA_REQUEST_APPROVE,
            _P.CA_REVOKE,
            _P.CA_HOLD,
            _P.CA_HOLD_BY_PHONE,
            _P.CA_PAPER_READ,
            _P.CA_PASSWORD_TELL,
            _P.CA_CEREMONY_PROPOSE,
            _P.CA_CEREMONY_APPROVE,
            _P.CA_PROVISION,
            _P.CA_CRL_PUBLISH,
            _P.CA_ANCHOR_PROPOSE,
            _P.CA_ANCHOR_APPROVE,
            _P.CA_SIGNER_READ,
            _P.CA_SIGNER_OPERATE,
            _P.LOG_READ,
            _P.LOG_CHECK,
            _P.LOG_RESTART,
            _P.TIMESTAMP_READ,
            _P.CA_PROFILE_PROPOSE,
            _P.CA_PROFILE_APPROVE,
        }
    ),
    Role.AUDITOR: frozenset({_P.LOG_READ, _P.LOG_CHECK, _P.TIMESTAMP_READ}),
    Role.NETWORK_ADMINISTRATOR: frozenset({_P.CA_READ}),
    Role.ASSESSOR: frozenset({_P.CA_READ, _P.LOG_READ, _P.TIMESTAMP_READ}),
}
for _role, _held in _CA.items():
    ROLE_PERMISSIONS[_role] |= _held

# Certificates in the network: who runs machines mends what officers answer for; the others look.
for _role in (Role.NETWORK_ADMINISTRATOR, Role.SECURITY_OFFICER):
    ROLE_PERMISSIONS[_role] |= {_P.CA_INVENTORY_READ, _P.CA_INVENTORY_WORK}
for _role in (Role.REGISTRAR, Role.SOC_ANALYST, Role.ASSESSOR):
    ROLE_PERMISSIONS[_role] |= {_P.CA_INVENTORY_READ}

# Everybody relies on certificates and signed papers, so everybody may ask what they are worth.
for _role in Role:
    ROLE_PERMISSIONS[_role] |= {_P.CA_VALIDATE}

# Disaster recovery: the DR administrator works with it; who assesses or answers for the machines may look.
_BACKUP: dict[Role, frozenset[Permission]] = {
    Role.DR_ADMINISTRATOR: frozenset(
        {_P.BACKUP_READ, _P.BACKUP_RUN, _P.BACKUP_VERIFY, _P.BACKUP_MEND, _P.BACKUP_DRILL}
    ),
    Role.SECURITY_OFFICER: frozenset({_P.BACKUP_READ}),
    Role.SYSTEM_ADMINISTRATOR: frozenset({_P.BACKUP_READ}),
    Role.ASSESSOR: frozenset({_P.BACKUP_READ}),
}
for _role, _held in _BACKUP.items():
    ROLE_PERMISSIONS[_role] |= _held

# Logs and alerts: the analyst works with them; logs past their time are deleted by the security officer alone.
_SIEM_READ = frozenset({_P.SIEM_ALERT_READ, _P.SIEM_CASE_READ, _P.SIEM_RULE_READ})
_SIEM: dict[Role, frozenset[Permission]] = {
    Role.SOC_ANALYST: _SIEM_READ
    | {_P.SIEM_EVENT_READ, _P.SIEM_EVENT_IMPORT, _P.SIEM_ALERT_TRIAGE, _P.SIEM_CASE_WRITE},
    Role.SECURITY_OFFICER: _SIEM_READ | {_P.SIEM_EVENT_READ, _P.SIEM_EVENT_DELETE},
    Role.NETWORK_ADMINISTRATOR: frozenset({_P.SIEM_EVENT_READ, _P.SIEM_ALERT_READ}),
    Role.ASSESSOR: _SIEM_READ,
}
for _role, _held in _SIEM.items():
    ROLE_PERMISSIONS[_role] |= _held

# Graded protection: the security officer answers for the systems and their results; the assessor reads and takes packages
# away, and changes nothing; whoever runs machines sees the results and tells that something is mended.
_POLICIES_RUN = frozenset({_P.POLICIES_READ, _P.POLICIES_REMEDIATE})
_POLICIES = {
    Role.SECURITY_OFFICER: _POLICIES_RUN
    | {_P.POLICIES_SYSTEM_WRITE, _P.POLICIES_ASSESS, _P.POLICIES_CONFIRM, _P.POLICIES_EXPORT},
    Role.ASSESSOR: frozenset({_P.POLICIES_READ, _P.POLICIES_EXPORT}),
    Role.NETWORK_ADMINISTRATOR: _POLICIES_RUN,
    Role.SOC_ANALYST: _POLICIES_RUN,
    Role.DR_ADMINISTRATOR: _POLICIES_RUN,
}
for _role, _held in _POLICIES.items():
    ROLE_PERMISSIONS[_role] |= _held


def permissions_of(roles: frozenset[Role]) -> frozenset[Permission]:
    """The union of what the roles hold."""
    return frozenset().union(*(ROLE_PERMISSIONS[role] for role in roles)) if roles else frozenset()


def held_by(principal: Principal) -> frozenset[Permission]:
    """What the principal may do somewhere: what its roles hold, within its scope. What approves needs a person signed in."""
    held = frozenset(Permission) if principal.is_system else permissions_of(principal.roles)
    if principal.scope is not None:
        held &= principal.scope
    return held if principal.is_person else held - APPROVING


def roles_with(permission: Permission) -> frozenset[Role]:
    """Who may do this: shown to the person who may not."""
    return frozenset(role for role, held in ROLE_PERMISSIONS.items() if permission in held)
