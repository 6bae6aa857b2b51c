"""Names of everything that is audited, and the faults a chain can have."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class AuditAction(StrEnum):
    """``room:object:verb``; rooms add theirs here so that the auditor has one list."""

    # identity
    ACCESS_DENIED = "identity:access:deny"
    SIGN_IN = "identity:session:sign-in"
    SIGN_OUT = "identity:session:sign-out"
    SESSION_END = "identity:session:end"
    SETUP = "identity:suite:set-up"
    UNIT_CREATE = "identity:unit:create"
    USER_CREATE = "identity:user:create"
    USER_DISABLE = "identity:user:disable"
    USER_ENABLE = "identity:user:enable"
    USER_UNLOCK = "identity:user:unlock"
    USER_RESET = "identity:user:reset"
    USER_REVIEW = "identity:user:review"
    USER_END = "identity:user:set-end"
    USER_PASSWORD = "identity:user:set-password"  # noqa: S105 - a name, no password
    USER_CERTIFICATE = "identity:user:bind-certificate"
    ROLE_GRANT = "identity:role:grant"
    TOKEN_CREATE = "identity:token:create"  # noqa: S105 - a name
    TOKEN_REVOKE = "identity:token:revoke"  # noqa: S105 - a name
    APPROVAL_OPEN = "identity:approval:open"
    APPROVAL_DECIDE = "identity:approval:decide"
    CREDENTIAL_SET = "identity:credential:set"
    # certification
    CA_CEREMONY_PROPOSE = "ca:ceremony:propose"
    CA_CEREMONY_PERFORM = "ca:ceremony:perform"
    CA_CEREMONY_STEP = "ca:ceremony:step"
    CA_CEREMONY_REJECT = "ca:ceremony:reject"
    CA_CEREMONY_SEAL = "ca:ceremony:seal"
    CA_OFFLINE_REQUEST = "ca:offline:request"
    CA_OFFLINE_EXPORT = "ca:offline:export"
    CA_OFFLINE_IMPORT = "ca:offline:import"
    CA_OFFLINE_VOID = "ca:offline:void"
    CA_CROSS_REQUEST = "ca:cross:request"
    CA_CROSS_ADOPT = "ca:cross:adopt"
    CA_SERVICE_PROVISION = "ca:service:provision"
    CA_REQUEST_FILE = "ca:request:file"
    CA_REQUEST_REJECT = "ca:request:reject"
    CA_SIGN_INTENT = "ca:certificate:sign"
    CA_SIGN_REFUSED = "ca:certificate:refuse"
    CA_GIVE_UP = "ca:certificate:give-up"
    CA_ISSUE = "ca:certificate:issue"
    CA_SUPERSEDE = "ca:certificate:supersede"
    CA_EXPIRE = "ca:certificate:expire"
    CA_DELIVER = "ca:key:deliver"
    CA_HOLD = "ca:certificate:hold"
    CA_PAPER_ATTACH = "ca:paper:attach"
    CA_PAPER_READ = "ca:paper:read"
    CA_PHRASE_SET = "ca:phrase:set"
    CA_PHRASE_TRY = "ca:phrase:try"
    CA_PASSWORD_TELL = "ca:password:tell"  # noqa: S105 - a name, no password
    CA_REMIND = "ca:certificate:remind"
    CA_BATCH_FILE = "ca:batch:file"
    CA_BATCH_DECIDE = "ca:batch:decide"
    CA_BATCH_KEYS = "ca:batch:make-keys"
    CA_RELEASE = "ca:certificate:release"
    CA_REVOKE_PROPOSE = "ca:certificate:propose-revocation"
    CA_RELEASE_PROPOSE = "ca:certificate:propose-release"
    CA_REVOKE = "ca:certificate:revoke"
    CA_CRL_PUBLISH = "ca:crl:publish"
    CA_RESUME_PROPOSE = "ca:clock:propose"
    CA_RESUME = "ca:clock:overrule"
    CA_STATUS_PROVE = "ca:status:prove"
    CA_VALIDATE = "ca:validation:ask"
    CA_ANCHOR_PROPOSE = "ca:anchor:propose"
    CA_ANCHOR_ACCEPT = "ca:anchor:accept"
    CA_ANCHOR_REJECT = "ca:anchor:reject"
    CA_ANCHOR_REMOVE = "ca:anchor:remove"
    CA_FOREIGN_CRL_ADD = "ca:foreign-crl:add"
    CA_INVENTORY_RANGE = "ca:inventory:change-range"
    CA_INVENTORY_SCAN = "ca:inventory:scan"
    CA_INVENTORY_FINDING = "ca:inventory:move-finding"
    CA_BULK_PROPOSE = "ca:bulk:propose"
    CA_BULK_PERFORM = "ca:bulk:perform"
    CA_BULK_REJECT = "ca:bulk:reject"
    CA_PROFILE_ADOPT = "ca:profile:adopt"
    CA_PROFILE_PROPOSE = "ca:profile:propose"
    CA_PROFILE_APPROVE = "ca:profile:approve"
    CA_PROFILE_REJECT = "ca:profile:reject"
    CA_LOG_ALARM = "ca:log:alarm"
    CA_LOG_CHECK = "ca:log:check"
    CA_LOG_RESTART_PROPOSE = "ca:log:restart-propose"
    CA_LOG_RESTART = "ca:log:restart"
    CA_BLOCKLIST_LOAD = "ca:blocklist:load"
    CA_RECOVER = "ca:certificate:recover"
    CA_SIGNER_PRESENT = "ca:signer:present-share"
    CA_SIGNER_ACTIVATE = "ca:signer:activate"
    CA_SIGNER_DEACTIVATE = "ca:signer:deactivate"
    CA_SIGNER_SHARES_BEGIN = "ca:signer:begin-shares"
    CA_SIGNER_SHARES_COLLECT = "ca:signer:collect-share"
    CA_SIGNER_SHARES_CONFIRM = "ca:signer:confirm-share"
    CA_SIGNER_SHARES_RENEW = "ca:signer:renew-shares"
    CA_SIGNER_SHARES_CANCEL = "ca:signer:cancel-shares"
    # suite
    AUDIT_VERIFY = "audit:chain:verify"
    AUDIT_EXPORT = "audit:trail:export"
    AUDIT_ANCHOR = "audit:chain:anchor"
    EVIDENCE_SEAL = "evidence:record:seal"
    EVIDENCE_VERIFY = "evidence:record:verify"
    EVIDENCE_EXPORT = "evidence:record:export"
    JOB_ENQUEUE = "jobs:job:enqueue"
    JOB_CANCEL = "jobs:job:cancel"
    JOB_RETRY = "jobs:job:retry"
    JOB_FAIL = "jobs:job:fail"
    # monitor
    MONITOR_POLL = "monitor:device:poll"
    MONITOR_TOPOLOGY = "monitor:topology:check"
    MONITOR_ENDPOINTS = "monitor:endpoint:check"
    MONITOR_FINDING_MOVE = "monitor:finding:move"
    # the register
    ASSET_PUT = "assets:asset:put"
    ASSET_RETIRE = "assets:asset:retire"
    ASSET_IMPORT = "assets:table:import"
    ASSET_EXPORT = "assets:table:export"
    LIST_EXPORT = "suite:list:export"
    ZONE_PUT = "assets:zone:put"
    ZONE_REMOVE = "assets:zone:remove"
    LINK_PUT = "assets:link:put"
    LINK_REMOVE = "assets:link:remove"

    # device configurations
    NETOPS_COLLECT = "netops:config:collect"
    NETOPS_RESTORE = "netops:config:restore"
    NETOPS_TRUST = "netops:hostkey:trust"
    NETOPS_ARCHIVE_VERIFY = "netops:archive:verify"
    NETOPS_FINDING_ACKNOWLEDGE = "netops:finding:acknowledge"
    NETOPS_FINDING_EXCEPT = "netops:finding:except"
    NETOPS_FINDING_EXPIRE = "netops:finding:expire"
    NETOPS_FINDING_VERIFY = "netops:finding:verify"
    # backup
    BACKUP_RUN = "backup:run:start"
    BACKUP_REPLICATE = "backup:replica:copy"
    BACKUP_MEND = "backup:replica:mend"
    BACKUP_VERIFY = "backup:replica:verify"
    BACKUP_DRILL = "backup:drill:run"
    BACKUP_RETAIN = "backup:set:retain"

    # siem
    EVENTS_IMPORT = "siem:event:import"
    EVENTS_DELETE = "siem:event:delete"
    ALERT_ACKNOWLEDGE = "siem:alert:acknowledge"
    SIEM_RECORD = "siem:state:record"
    ALERT_ASSIGN = "siem:alert:assign"
    ALERT_CLOSE = "siem:alert:close"
    ALERT_REOPEN = "siem:alert:reopen"
    CASE_OPEN = "siem:case:open"
    CASE_TAKE = "siem:case:take"
    CASE_MOVE = "siem:case:move"
    CASE_EXTEND = "siem:case:extend"
    CASE_NOTE = "siem:case:note"
    CASE_EXPORT = "siem:case:export"

    # graded protection
    POLICIES_SYSTEM_PROPOSE = "policies:system:propose"
    POLICIES_SYSTEM_CHANGE = "policies:system:change"
    POLICIES_SYSTEM_MOVE = "policies:system:move"
    POLICIES_SUITE_COLLECT = "policies:suite:collect"
    POLICIES_ASSESS = "policies:assessment:run"
    POLICIES_CONFIRM = "policies:result:confirm"
    POLICIES_REMEDIATE = "policies:remediation:write"
    POLICIES_EXPORT = "policies:package:export"
    POLICIES_DOWNLOAD = "policies:package:download"


class Outcome(StrEnum):
    """How an act ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    DENIED = "denied"
    INTENDED = "intended"  # recorded before what can't be undone; another record tells how it ended


@dataclass(frozen=True)
class AuditRecord:
    """One act as it stands in the chain; ``hash`` is over ``previous`` and the record's canonical body."""

    seq: int
    at: datetime
    actor: str
    actor_name: str
    roles: tuple[str, ...]
    action: str
    target: str
    unit: str | None
    outcome: str
    reason: str | None
    details: Mapping[str, Any]
    previous: str
    hash: str


class FaultKind(StrEnum):
    """What is wrong with one place of the chain."""

    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    REORDERED = "reordered"


@dataclass(frozen=True)
class Fault:
    """One broken place: the record's sequence number and what was done to it."""

    kind: FaultKind
    seq: int
    explanation: str


@dataclass(frozen=True)
class ChainReport:
    """Result of a verification: how many records were read, the head they end at, and every fault found."""

    records: int
    head_seq: int
    head_hash: str
    faults: tuple[Fault, ...]

    @property
    def intact(self) -> bool:
        return not self.faults


@dataclass(frozen=True)
class Verification:
    """A chain that was verified at once, or the job that does it because the chain is long."""

    report: ChainReport | None
    job: str = ""


@dataclass(frozen=True)
class AuditEntry:
    """One act before it has a place in the chain."""

    at: datetime
    actor: str
    actor_name: str
    roles: tuple[str, ...]
    action: str
    target: str
    unit: str | None
    outcome: str
    reason: str | None
    details: Mapping[str, Any]
