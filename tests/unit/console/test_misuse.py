"""What hostile people, programs and devices send to the console: refused in plain words, nothing lost, nothing told."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from console.resources import resources
from console.web.language import day, when
from kernel.edges.resources import FilterKind
from kernel.identity.model import Role
from tests.unit.console.conftest import Browser

SignedIn = Callable[[Role], Browser]
NEVER = "9999-12-31T23:59:59Z"


# --- lists
def cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize("value", [2**63, -(10**30), "\ud800", True, None, [], 1.5])
def test_a_forged_place_in_a_list_is_an_unknown_one(signed_in: SignedIn, value: object) -> None:
    browser = signed_in(Role.AUDITOR)
    for path, sort in (("/audit/records", "-seq"), ("/identity/sessions", "-seen")):
        for place in (cursor(sort, value, value), cursor(sort, 1, value), cursor(sort, value, "x")):
            for prefix in ("", "/api/v1"):
                answer = browser.get(f"{prefix}{path}?cursor={place}")
                assert answer.status_code == 422, (prefix + path, value)


def test_the_end_of_the_calendar_is_a_time_like_any_other(signed_in: SignedIn) -> None:
    browser = signed_in(Role.AUDITOR)
    for resource in resources().values():
        path = "/" + resource.name.replace(".", "/")
        for one in resource.filters:
            if one.kind is FilterKind.TIME:
                answer = browser.get(f"{path}?filter[{one.name}]={NEVER}")
                assert answer.status_code in (200, 403, 422), (path, one.name)
    zone, end = ZoneInfo("Asia/Shanghai"), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert when(end, zone) == "9999-12-31 23:59:59 UTC+00:00"  # of a certificate that never ends
    assert day(end, zone) == "9999-12-31"


def test_a_filter_with_too_many_values_is_refused_before_anything_is_asked(signed_in: SignedIn) -> None:
    browser = signed_in(Role.AUDITOR)
    many = "&".join(f"filter[kind]={number}" for number in range(10_000))
    for path in ("/identity/approvals", "/api/v1/identity/approvals"):
        answer = browser.get(f"{path}?{many}")
        assert answer.status_code == 422
        assert "50" in answer.text
