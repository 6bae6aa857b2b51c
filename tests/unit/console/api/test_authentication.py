"""Who may ask: a token or a session of the browser, how often, and in which language they are answered."""

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from werkzeug.test import TestResponse

from console.api.app import create_api
from console.web.language import COOKIE as LANGUAGE_COOKIE
from console.web.security import COOKIE
from kernel.edges.limits import Buckets
from kernel.identity.model import Role
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask
from tests.unit.console.api.conftest import NOTES, Desk, Program
from tests.unit.console.api.notes import RESOURCE
from tests.unit.console.conftest import BASE, Browser

Write = Callable[[str], dict[str, Any]]
PATHS = ("", "/desk", "/desk/notes", "/desk/notes/1", "/desk/notes/1/close", "/openapi.json", "/nowhere")


def test_nobody_learns_anything(desk: Desk) -> None:
    for path, method in product(PATHS, ("GET", "POST", "DELETE", "OPTIONS")):
        refused = Program(desk.flask, "").ask(method, f"/api/v1{path}")
        assert (refused.status_code, refused.content_type) == (401, "application/problem+json"), path
        assert refused.headers["WWW-Authenticate"] == 'Bearer realm="weicheng"'


def test_an_unknown_token_is_refused_and_not_repeated(desk: Desk) -> None:
    for token in ("wct_", "wct_" + "A" * 43, "x" * 10_000, "wct_\xe9", "a b"):
        refused = Program(desk.flask, token).get(NOTES)
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
        assert token[:30] not in refused.text or token == "wct_"


def test_another_scheme_is_refused(desk: Desk) -> None:
    assert Program(desk.flask, "").get(NOTES, Authorization="Basic YTpi").status_code == 401


def test_a_revoked_token_ends_at_once(desk: Desk) -> None:
    program = desk.program(Role.NETWORK_ADMINISTRATOR)
    assert program.get(NOTES).status_code == 200
    tokens, owner = desk.console.app.floor.tokens, desk.people[Role.NETWORK_ADMINISTRATOR]
    tokens.revoke(owner, tokens.page(owner, Ask()).items[0].id, "lost")
    assert program.get(NOTES).status_code == 401


def test_a_token_ends_with_its_day(desk: Desk) -> None:
    program = desk.program(Role.NETWORK_ADMINISTRATOR)
    desk.console.clock.advance(seconds=timedelta(days=31).total_seconds())
    assert program.get(NOTES).status_code == 401


def test_a_token_allows_no_more_than_its_scope(desk: Desk) -> None:
    reader = desk.program(Role.NETWORK_ADMINISTRATOR, frozenset({Permission.ASSET_READ}))
    assert reader.get(NOTES).status_code == 200
    assert reader.post(NOTES, {"title": "keys"}).status_code == 403


class Tab:
    """A browser's tab: the session's cookie goes along by itself."""

    def __init__(self, desk: Desk, browser: Browser) -> None:
        self._client = desk.flask.test_client()
        self._token = browser.token()
        for name in (COOKIE, "__Host-weicheng-form"):
            cookie = browser.client.get_cookie(name, "127.0.0.1")
            assert cookie is not None
            self._client.set_cookie(name, cookie.value, domain="127.0.0.1", secure=True)
        self.client = self._client

    def ask(self, method: str, path: str, body: Any = None, *, with_token: bool = False) -> TestResponse:
        headers = {"X-CSRFToken": self._token} if with_token else {}
        return self._client.open(path, method=method, base_url=BASE, json=body, headers=headers)


@pytest.fixture
def tab(desk: Desk, signed_in: Callable[[Role], Browser]) -> Tab:
    return Tab(desk, signed_in(Role.NETWORK_ADMINISTRATOR))


def test_a_browsers_session_reads(tab: Tab) -> None:
    assert tab.ask("GET", NOTES).status_code == 200


def test_a_browsers_session_changes_something_only_from_our_own_page(tab: Tab, desk: Desk) -> None:
    forged = tab.ask("POST", NOTES, {"title": "keys"})
    assert (forged.status_code, forged.get_json()["place"]) == (403, "X-CSRFToken")
    assert desk.notes.count() == 0
    assert tab.ask("POST", NOTES, {"title": "keys"}, with_token=True).status_code == 201


def test_a_session_that_ended_reads_nothing(tab: Tab, desk: Desk) -> None:
    desk.console.clock.advance(seconds=16 * 60)
    assert tab.ask("GET", NOTES).status_code == 401


def test_answers_speak_the_callers_language(desk: Desk, admin: Program) -> None:
    for accepted, language, title in (
        ("zh-CN,zh;q=0.9", "zh-CN", "没有"),
        ("en-GB", "en", "There is no such object"),
        ("fr;q=1, en;q=0.5", "en", "There is no such object"),
        ("fr", "zh-CN", "没有"),
        ("*", "zh-CN", "没有"),
    ):
        answer = admin.get(f"{NOTES}/nte_0", Accept_Language=accepted)
        assert answer.headers["Content-Language"] == language, accepted
        assert title in answer.get_json()["title"], accepted


def test_the_language_of_the_page_goes_before_that_of_the_browser(tab: Tab) -> None:
    tab.client.set_cookie(LANGUAGE_COOKIE, "en", domain="127.0.0.1", secure=True)
    assert tab.ask("GET", f"{NOTES}/nte_0").headers["Content-Language"] == "en"


def test_answers_are_kept_nowhere_and_guessed_by_nobody(admin: Program) -> None:
    headers = admin.get(NOTES).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in headers


def test_who_asks_too_often_is_told_when_to_come_back(desk: Desk) -> None:
    settings = desk.console.app.settings
    few = settings.web.model_copy(update={"api_per_minute": 6})
    desk.console.app.settings = settings.model_copy(update={"web": few})
    strict = Desk(desk.console, create_api(desk.console.app, {RESOURCE.name: RESOURCE}), desk.notes)
    program, other = strict.program(Role.NETWORK_ADMINISTRATOR), strict.program(Role.SOC_ANALYST)
    statuses = [program.get("/api/v1/nowhere").status_code for _ in range(26)]
    assert statuses[:6] == [404] * 6
    assert statuses[-1] == 429
    refused = program.get(NOTES)
    assert refused.get_json()["type"] == "urn:weicheng:problem:limit"
    assert int(refused.headers["Retry-After"]) >= 1
    assert other.get(NOTES).status_code == 200


def test_guessing_tokens_ends_soon_for_where_it_comes_from(desk: Desk) -> None:
    guesses = [Program(desk.flask, f"wct_{number:043}").get(NOTES).status_code for number in range(40)]
    assert guesses[:30] == [401] * 30
    assert set(guesses[31:]) == {429}


def test_a_bucket_fills_up_again_and_there_are_not_ever_more() -> None:
    now = [0.0]
    buckets = Buckets(60, lambda: now[0], kept=3)
    assert [buckets.wait("a") for _ in range(60)] == [0.0] * 60
    assert buckets.wait("a") == pytest.approx(1.0)
    now[0] += 0.5
    assert buckets.wait("a") == pytest.approx(0.5)
    now[0] += 0.5
    assert buckets.wait("a") == 0
    for number in range(1000):
        buckets.wait(str(number))
    assert len(buckets) == 3
