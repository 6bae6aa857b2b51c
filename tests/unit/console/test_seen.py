"""What monitoring saw of certificates comes to the certificate authority's inventory, and nothing it did not see."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from console.compose.seen import seen_by
from kernel.identity.model import Principal
from kernel.store.listing import Ask, Page
from monitor.standing import EndpointStanding, EndpointState

NOW = datetime(2026, 11, 23, tzinfo=UTC)
FACTS: dict[str, Any] = {
    "fingerprint": "ab" * 32,
    "subject": "CN=web",
    "issuer": "CN=web",
    "serial": "1f",
    "names": ["web.gov.internal"],
    "not_before": NOW.isoformat(),
    "not_after": (NOW + timedelta(days=9)).isoformat(),
    "key": "RSA 1024",
    "signature": "sha1WithRSAEncryption",
}


def standing(endpoint: str, facts: dict[str, Any]) -> EndpointStanding:
    return EndpointStanding(
        id=f"ast_{endpoint}",
        name="门户",
        unit="u_city",
        endpoint=endpoint,
        state=EndpointState.VALID,
        tls="TLSv1.3",
        problem="",
        latency=0.01,
        facts=facts,
        not_after=None,
        checked_at=NOW,
    )


def test_what_was_read_is_handed_on_with_its_faults_to_be_judged() -> None:
    from ca.inventory.judging import faults_of
    from ca.inventory.model import Fault, Origin

    rows = (standing("[fd00::5]:443", FACTS), standing("10.1.1.1:8443", {}))

    def page(principal: Principal, ask: Ask) -> Page[EndpointStanding]:
        assert principal.is_system
        assert not ask.filters
        return Page(rows, None, len(rows))

    monitor: Any = SimpleNamespace(endpoints=SimpleNamespace(page=page))
    [seen] = list(seen_by(monitor))
    assert (seen.target.address, seen.target.port, seen.target.id) == ("fd00::5", 443, "[fd00::5]:443")
    assert (seen.facts.self_signed, seen.facts.key_digest, seen.at) == (True, "", NOW)
    found = faults_of(seen.facts, Origin.SELF_SIGNED, "", NOW, revoked=False, shared=False)
    assert set(found) == {Fault.WEAK_KEY, Fault.WEAK_SIGNATURE, Fault.SELF_SIGNED, Fault.EXPIRES_SOON}
