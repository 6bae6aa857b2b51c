"""What hostile people, programs and devices send to the console: refused in plain words, nothing lost, nothing told."""

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from console.resources import resources
from console.web import security
from console.web.engine import routes
from console.web.language import day
from kernel.clock import written
from kernel.edges.resources import File, FilterKind
from kernel.errors import Unauthenticated
from kernel.identity.model import Role
from tests.unit.console.conftest import BASE, Browser, Console

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
    assert written(end, zone) == "9999-12-31 23:59:59 UTC+00:00"  # of a certificate that never ends
    assert day(end, zone) == "9999-12-31"


def test_a_filter_with_too_many_values_is_refused_before_anything_is_asked(signed_in: SignedIn) -> None:
    browser = signed_in(Role.AUDITOR)
    many = "&".join(f"filter[kind]={number}" for number in range(10_000))
    for path in ("/identity/approvals", "/api/v1/identity/approvals"):
        answer = browser.get(f"{path}?{many}")
        assert answer.status_code == 422
        assert "50" in answer.text


# --- forms
def test_no_form_of_another_site_is_taken_at_any_address(signed_in: SignedIn) -> None:
    browser = signed_in(Role.NETWORK_ADMINISTRATOR)
    rules = [rule for rule in browser.console.flask.url_map.iter_rules() if "POST" in (rule.methods or ())]
    assert len(rules) > 100
    for rule in rules:
        path = re.sub("<[^>]+>", "x", rule.rule)
        for token in ("", "forged"):
            assert browser.post(path, token, reason="x").status_code == 400, path
    session = browser.get("/me")
    assert session.status_code == 200  # not even signed out


def test_a_form_with_the_token_of_somebody_else_is_not_taken(signed_in: SignedIn) -> None:
    mine, theirs = signed_in(Role.AUDITOR), signed_in(Role.NETWORK_ADMINISTRATOR)
    assert mine.post("/preferences", theirs.token(), language="en").status_code == 400


def test_a_form_without_the_page_it_was_on_is_not_taken(signed_in: SignedIn) -> None:
    browser = signed_in(Role.AUDITOR)
    fields = {"language": "en", "csrf_token": browser.token()}
    for referer in ({}, {"Referer": "https://evil.example/"}, {"Referer": "http://127.0.0.1:8443/"}):
        assert (
            browser.client.post("/preferences", data=fields, base_url=BASE, headers=referer).status_code
            == 400
        )


def test_a_body_that_is_no_form_is_refused(signed_in: SignedIn) -> None:
    browser = signed_in(Role.NETWORK_ADMINISTRATOR)
    for kind in ("application/json", "text/plain", "application/xml", "multipart/form-data"):
        answer = browser.client.post(
            "/assets/zones/-/add",
            data=b'{"name": "x"}',
            content_type=kind,
            base_url=BASE,
            headers={"Referer": f"{BASE}/"},
        )
        assert answer.status_code == 400, kind
        assert "表单" in answer.text


def test_a_name_of_ten_thousand_characters_is_refused_in_words_and_stays_in_its_field(
    signed_in: SignedIn,
) -> None:
    browser = signed_in(Role.NETWORK_ADMINISTRATOR)
    form = browser.get("/assets/zones/-/add").text
    number = re.search(r'name="number" value="([^"]+)"', form)
    assert number is not None
    name = "长" * 10_000
    answer = browser.post(
        "/assets/zones/-/add", None, number=number[1], name=name, network="e-gov", level="3"
    )
    assert answer.status_code == 422
    assert name in answer.text
    assert 'class="alert' in answer.text


def test_many_choices_of_ones_own_fill_no_disk(signed_in: SignedIn) -> None:
    browser = signed_in(Role.AUDITOR)
    statuses = [
        browser.post(
            "/audit/records/-/saved", None, name=f"筛选 {number}", query="q=" + "x" * 990
        ).status_code
        for number in range(12)
    ]
    assert statuses[0] == 303
    assert statuses[-1] == 429
    assert browser.get("/audit/records").status_code == 200


# --- sessions
def test_a_sign_in_ends_the_session_that_the_browser_had_and_takes_no_token_it_was_given(
    console: Console,
) -> None:
    browser = console.browser()
    browser.client.set_cookie(security.COOKIE, "planted", domain="127.0.0.1", secure=True)
    browser.sign_in(Role.AUDITOR)
    first = browser.client.get_cookie(security.COOKIE, domain="127.0.0.1")
    assert first is not None
    assert first.value != "planted"
    browser.sign_in(Role.SOC_ANALYST)
    with pytest.raises(Unauthenticated):
        console.app.floor.sign_in.principal(first.value)


# --- where links and redirects lead
ELSEWHERE = (
    "//evil.example",
    "https://evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "/\t/evil.example",
    "\x01/",
)


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_nothing_leads_to_another_site(signed_in: SignedIn, wanted: str) -> None:
    browser = signed_in(Role.AUDITOR)
    assert browser.post("/preferences", None, language="en", next=wanted).headers["Location"] == "/"
    form = browser.client.get("/identity/tokens/-/create", query_string={"next": wanted}, base_url=BASE).text
    assert outside(form) == []
    saved = browser.post("/audit/records/-/saved", None, name="x", query=wanted)
    assert saved.headers["Location"] == "/audit/records"
    assert outside(browser.get("/audit/records").text) == []
    assert browser.get("/", Host="evil.example").headers.get("Location", "/").startswith("/")


def outside(page: str) -> list[str]:
    """Where links, forms and the ways back of a page lead that is no path on this site."""
    leads = re.findall(r'(?:href|action|src)="([^"]*)"', page)
    leads += re.findall(r'name="next" value="([^"]*)"', page)
    return [one for one in leads if not re.match(r"/(?![/\\])|#", one)]


# --- addresses and files
@pytest.mark.parametrize(
    "name", ["..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%5c..", "%00", "%0d%0aX-Evil:1", "a" * 3000, "%ff"]
)
def test_no_address_leads_out_of_what_there_is(signed_in: SignedIn, name: str) -> None:
    browser = signed_in(Role.NETWORK_ADMINISTRATOR)
    for path in (
        f"/static/{name}",
        f"/static/vendor/{name}/{name}",
        f"/assets/assets/{name}",
        f"/assets/assets/-/download/{name}",
        f"/netops/versions/{name}/download/text",
        f"/suite/evidence/{name}/attachments/{name}",
        f"/monitor/devices/{name}/graphs/load.svg",
        f"/api/v1/assets/assets/{name}",
    ):
        answer = browser.get(path)
        assert answer.status_code in (303, 308, 401, 403, 404, 405), path
        assert "X-Evil" not in answer.headers
        assert "Traceback" not in answer.text


def test_the_name_of_a_file_adds_no_header(console: Console) -> None:
    for name in ("a\r\nX-Evil: 1.csv", 'a"; filename="b.html', "../../etc/passwd", "名\u202egnp.exe"):
        with console.flask.test_request_context(base_url=BASE):
            answer = routes._file(File(name, "text/csv", b""))
        told = answer.headers["Content-Disposition"]
        assert told.startswith("attachment;")
        assert "X-Evil" not in answer.headers
        assert not set("\r\n\u202e/") & set(told), told


def test_every_kind_of_answer_carries_the_protecting_headers(signed_in: SignedIn) -> None:
    browser = signed_in(Role.AUDITOR)
    paths = (
        "/",
        "/nothing",
        "/jobs/jobs",  # forbidden
        "/audit/records?sort=nothing",
        "/audit/records?format=csv",
        "/audit/records/-/download/all",
        "/static/console.js",
        "/static/nothing.js",
        "/sign-in",
        "/healthz",
        "/api/docs",
        "/api/v1/openapi.json",
        "/api/v1/audit/records",
        "/api/v1/nothing",
    )
    for path in paths:
        answer = browser.get(path)
        for header, value in security.HEADERS.items():
            assert answer.headers.get(header) == value, (path, header)
        kept = path == "/static/console.js"
        assert (answer.headers["Cache-Control"] == "no-store") is not kept, path
