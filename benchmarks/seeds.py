"""A great many objects, written straight into the tables of an installation: what lists cost is measured on them.

Values differ from row to row as they do in life: states in the shares of a busy year, times a minute apart, some hundred names.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy import Boolean, DateTime, Integer, LargeBinary, Table, insert

from benchmarks.installation import Bench
from kernel.audit.chain import columns_of
from kernel.canonical import iso_utc
from kernel.evidence.model import EvidenceKind, EvidenceRecord, canonical_record
from kernel.store import metadata

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
BATCH = 5_000
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Seed:
    """Rows of one kind of object and the pages that list them, as that role sees them."""

    role: str
    paths: Sequence[str]
    tables: Mapping[str, Callable[[int], Row]]  # table -> values of the n-th row
    before: Mapping[str, Row] = field(default_factory=dict)  # table -> the one row that the others belong to

    def fill(self, world: Bench, rows: int) -> None:
        for name, values in self.before.items():
            table = metadata.tables[name]
            with world.app.floor.database.engine.begin() as connection:
                connection.execute(insert(table).values(_whole(table, 0, values)))
        for name, made in self.tables.items():
            table = metadata.tables[name]
            for start in range(0, rows, BATCH):
                batch = [_whole(table, n, made(n)) for n in range(start, min(start + BATCH, rows))]
                with world.app.floor.database.engine.begin() as connection:
                    connection.execute(insert(table), batch)
        with world.app.floor.database.engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")


def _whole(table: Table, n: int, values: Row) -> dict[str, Any]:
    """The row with something plausible in every column that is not named."""
    row: dict[str, Any] = {}
    for column in table.c:
        if column.name in values:
            row[column.name] = values[column.name]
        elif column.nullable:
            row[column.name] = None
        else:
            row[column.name] = _plausible(column.name, column.type, n)
    return row


def _plausible(name: str, kind: Any, n: int) -> Any:
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, Integer):
        return n % 7
    if isinstance(kind, DateTime) or "DateTime" in type(kind).__name__:
        return ago(n)
    if isinstance(kind, LargeBinary):
        return b"\x30\x00"
    if type(kind).__name__ == "JSON":
        return []
    return f"{name}-{n % 100}"[: getattr(kind, "length", None) or 60]


def ago(n: int) -> datetime:
    """A minute earlier for each row."""
    return NOW - timedelta(minutes=n)


def digest(n: int) -> str:
    return hashlib.sha256(str(n).encode()).hexdigest()


def one_of(n: int, *values: Any) -> Any:
    """The first value for most rows, the others for a tenth each."""
    place = n % 10
    return values[place] if place < len(values) else values[0]


def _audit_body(n: int) -> str:
    return json.dumps(
        {
            "seq": SEQUENCE + n,
            "at": iso_utc(ago(n)),
            "actor": f"usr_{n % 50}",
            "actor_name": f"用户 {n % 50}",
            "roles": ["network_administrator"],
            "action": one_of(n, "netops:config:collect", "ca:certificate:issue", "identity:session:sign-in"),
            "target": f"ww-core-{n % 300}",
            "unit": "u_city",
            "outcome": one_of(n, "success", "denied"),
            "reason": None,
            "details": {"number": n},
        }
    )


def _audit(n: int) -> Row:
    body = _audit_body(n)
    return {
        "seq": SEQUENCE + n,
        "at": ago(n),
        "body": body,
        "hash": digest(n),
        **columns_of(json.loads(body)),
    }


@cache
def _der() -> bytes:
    """A certificate to stand in every row: lists decode what they show."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "用户")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + timedelta(days=365))
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _certificate(n: int) -> Row:
    return {
        "der": _der(),
        "serial": digest(n)[:32],
        "authority": "issuing",
        "profile": one_of(n, "person", "tls-server", "device"),
        "subject": f"CN=用户{n % 5000},OU=第{n % 40}科,O=卫城市",
        "unit": "u_city",
        "spki_digest": digest(-n),
        "not_before": ago(n),
        "not_after": NOW + timedelta(minutes=n),
        "state": one_of(n, "issued", "revoked", "held", "expired"),
        "fingerprint": digest(n),
        "intent_at": ago(n),
        "issued_at": ago(n),
        "revoked_at": ago(n) if n % 10 == 1 else None,
        "reason": 5 if n % 10 == 1 else None,
    }


def _request(n: int) -> Row:
    return {
        "id": f"req_{n:08}",
        "profile": one_of(n, "person", "tls-server", "device"),
        "subject": {"CN": f"用户{n % 5000}", "O": "卫城市"},
        "names": [f"email:u{n}@city.gov.cn"],
        "unit": "u_city",
        "state": one_of(n, "issued", "requested", "rejected"),
        "requested_by": f"usr_{n % 50}",
        "filed_at": ago(n),
        "replaces": None,
    }


def _finding(n: int) -> Row:
    state = one_of(n, "open", "acknowledged", "excepted", "fixed", "verified")
    return {
        "id": f"fnd_{n:08}",
        "identity": digest(n)[:32],
        "unit": "u_city",
        "rule": f"rule-{n % 60}",
        "severity": one_of(n, "medium", "high", "critical", "low"),
        "controls": ["L3-8.1.3.2-a"],
        "mend": {"en": "mend", "zh_CN": "改正"},
        "text": f"interface Gi0/{n}",
        "state": state,
        "weight": 0 if state in ("fixed", "verified") else 1 + n % 4,
        "first_seen": ago(n + 100),
        "last_seen": ago(n),
        "line": n % 900,
        "reason": "",
    }


def _monitor_finding(n: int) -> Row:
    state = one_of(n, "open", "acknowledged", "excepted", "fixed", "verified")
    return {
        "id": f"mfd_{n:08}",
        "kind": one_of(n, "unregistered-device", "missing-link", "expired-certificate"),
        "asset": f"ast_{n:06}",
        "subject": f"nw-sw-{n % 4000}",
        "details": {},
        "state": state,
        "severity": one_of(n, "medium", "high", "critical"),
        "unit": "u_city",
        "weight": 0 if state in ("fixed", "verified") else 1 + n % 5,
        "reason": "",
    }


def _alert(n: int) -> Row:
    return {
        "id": f"alr_{n:08}",
        "key": digest(n),
        "rule_id": f"rule-{n % 80}",
        "rule_name": f"暴力破解 {n % 80}",
        "titles": {"en": "Brute force", "zh_CN": "暴力破解"},
        "level": one_of(n, "medium", "high", "critical", "low"),
        "risk": n % 100,
        "state": one_of(n, "new", "acknowledged", "closed", "closed"),
        "verdict": "false" if n % 10 in (2, 3) else None,
        "count": 1 + n % 500,
        "group_values": {"source.ip": f"127.10.{n % 250}.{n % 200}"},
        "tags": ["attack.t1110"],
        "unit": "u_city",
        "asset": f"nw-srv-{n % 300}",
        "assignee": "",
        "urgency": n % 200,
        "words": f"暴力破解 127.10.{n % 250}.{n % 200} nw-srv-{n % 300}",
    }


def _case(n: int) -> Row:
    return {
        "id": f"cas_{n:08}",
        "title": f"对 nw-srv-{n % 300} 的暴力破解",
        "level": one_of(n, "medium", "high"),
        "state": one_of(n, "closed", "open", "contained", "recovered"),
        "verdict": "true" if n % 10 in (0, 4, 5, 6, 7, 8, 9) else None,
        "unit": "u_city",
        "owner": f"usr_{n % 20}",
        "summary": "",
    }


def _run(n: int) -> Row:
    return {
        "id": f"run_{n:08}",
        "plan": f"plan-{n % 12}",
        "unit": "u_city",
        "state": one_of(n, "verified", "failed", "stored"),
        "receipt": n,
        "error": "",
        "finished_at": ago(n),
    }


def _result(n: int) -> Row:
    return {
        "id": f"res_{n:08}",
        "assessment": "asm_bench",
        "position": n,
        "item": "L3-8.1.1.1-a",
        "unit_id": "L3-PES1-01",
        "object_kind": "device",
        "object_name": f"nw-sw-{n % 4000}",
        "outcome": one_of(n, "conforms", "partly", "fails", "not_applicable", "unproven"),
        "proposed": "conforms",
        "state": one_of(n, "proposed", "decided", "confirmed"),
        "note": "",
    }


def _job(n: int) -> Row:
    return {
        "id": f"job_{n:08}",
        "kind": one_of(n, "netops.collect", "monitor.poll", "backup.run"),
        "payload": {},
        "state": one_of(n, "succeeded", "failed", "cancelled"),
        "attempts": 1,
        "max_attempts": 3,
        "done": 10,
        "total": 10,
        "message": "",
        "error": "",
        "unit": "u_city",
        "finished_at": ago(n),
    }


def _evidence(n: int) -> Row:
    record = EvidenceRecord(
        seq=SEQUENCE + n,
        id=f"evd_{n:08}",
        previous=digest(n),
        kind=one_of(n, EvidenceKind.CONFIG_CHECKED, EvidenceKind.CERTIFICATE_ISSUED),
        subject=f"nw-sw-{n % 4000}",
        source="bench",
        summary={"number": n},
        attachments=(),
        collected_at=ago(n),
        recorded_at=ago(n),
        effective_until=None,
        unit="u_city",
    )
    named = {name: getattr(record, name) for name in ("seq", "id", "subject", "unit", "collected_at")}
    body = canonical_record(record).decode()
    return {**named, "kind": str(record.kind), "body": body, "sha256": digest(n), "sm3": digest(n)}


def _asset(n: int) -> Row:
    return {
        "id": f"ast_{n:08}",
        "kind": one_of(n, "device", "system", "service"),
        "name": f"nw-sw-{n:06}",
        "unit": "u_city",
        "address": f"10.{n // 65025 % 250}.{n // 255 % 255}.{n % 255}",
        "platform": one_of(n, "huawei_vrp", "h3c_comware", "cisco_ios"),
        "level": 3,
        "attributes": {},
        "version": 1,
    }


SEQUENCE = 10**9  # the numbers before are for the installation's own records, however much is done in it
ROOT: Row = {"id": "issuing", "name": "签发 CA", "key": "issuing", "algorithm": "p384"}
ROOT |= {"kind": "issuing", "profiles": ["*"], "state": "active", "offline": False, "generation": 1}

SYSTEM: Row = {
    "id": "sys_bench",
    "name": "政务办公系统",
    "unit": "u_city",
    "level": "S3A3G3",
    "state": "filed",
    "documents": {},
}
ASSESSMENT: Row = {"id": "asm_bench", "system": "sys_bench", "edition": "2019", "unit": "u_city"}

SEEDS: Mapping[str, Seed] = {
    "audit records": Seed("auditor", ["/audit/records"], {"audit_records": _audit}),
    "certificates": Seed(
        "security_officer", ["/ca/certificates"], {"ca_certificates": _certificate}, {"ca_authorities": ROOT}
    ),
    "requests": Seed("security_officer", ["/ca/requests"], {"ca_requests": _request}),
    "configuration findings": Seed(
        "network_administrator", ["/netops/findings"], {"netops_findings": _finding}
    ),
    "monitoring findings": Seed(
        "network_administrator", ["/monitor/findings"], {"monitor_findings": _monitor_finding}
    ),
    "alerts": Seed("soc_analyst", ["/siem/alerts"], {"siem_alerts": _alert}),
    "cases": Seed("soc_analyst", ["/siem/cases"], {"siem_cases": _case}),
    "backup runs": Seed("dr_administrator", ["/backup/runs"], {"backup_runs": _run}),
    "results": Seed(
        "assessor",
        ["/policies/results"],
        {"policies_results": _result},
        {"policies_systems": SYSTEM, "policies_assessments": ASSESSMENT},
    ),
    "jobs": Seed("network_administrator", ["/jobs/jobs"], {"jobs": _job}),
    "evidence": Seed("assessor", ["/evidence/records"], {"evidence_records": _evidence}),
    "assets": Seed("network_administrator", ["/assets/assets"], {"assets_assets": _asset}),
}
