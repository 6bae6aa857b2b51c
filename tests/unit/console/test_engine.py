"""What a person gets of any declared object: a list, a detail page, forms that lose nothing and act once."""

import csv
import io
import json
import re
from collections.abc import Callable

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from console.web import security
from console.web.engine import routes
from kernel.identity.model import Principal, Role
from kernel.store.listing import Ask
from tests.unit.console.conftest import BASE, Browser, Console
from tests.unit.console.things import Shelf, declaration

LIST = "/shelf/things"


@pytest.fixture
def shelf(console: Console) -> Shelf:
    shelf = Shelf()
    for number in range(3):
        shelf.put(f"机柜 {number}", "kept" if number else "new")
    resource = declaration(shelf)
    routes.install(console.flask, {resource.name: resource}, {})
    return shelf


@pytest.fixture
def admin(shelf: Shelf, signed_in: Callable[[Role], Browser]) -> Browser:
    return signed_in(Role.NETWORK_ADMINISTRATOR)


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, page
    return found[1]


def send(browser: Browser, path: str, form: str, **fields: str) -> TestResponse:
    """Send back the form of that page."""
    told = {name: hidden(form, name) for name in ("csrf_token", "number", "tag")}
    return browser.post(path, told.pop("csrf_token"), **told, **fields)


def test_the_list_shows_things_finds_filters_and_counts(admin: Browser) -> None:
    page = admin.get(LIST).text
    assert page.count("data-row") == 3
    assert "机柜 0" in page
    found = admin.get(f"{LIST}?q=机柜 2").text
    assert "机柜 2" in found
    assert "机柜 1" not in found
    narrowed = admin.get(f"{LIST}?filter[state]=new").text
    assert narrowed.count("data-row") == 1
    assert "filter%5Bstate%5D=kept" in narrowed  # the facet leads to the others


def test_an_unknown_filter_is_named(admin: Browser) -> None:
    answer = admin.get(f"{LIST}?filter[colour]=red")
    assert answer.status_code == 422
    assert "colour" in answer.text
    assert "state" in answer.text


def test_pages_follow_each_other(admin: Browser, shelf: Shelf) -> None:
    for number in range(60):
        shelf.put(f"箱 {number:02}")
    first = admin.get(f"{LIST}?limit=50").text
    onwards = re.search(r'href="([^"]*cursor=[^"]*)" rel="next"', first)
    assert onwards is not None
    second = admin.get(onwards[1].replace("&amp;", "&")).text
    assert first.count("data-row") == 50
    assert second.count("data-row") == 13


def test_an_empty_list_says_what_to_do(admin: Browser, shelf: Shelf) -> None:
    shelf.things.clear()
    assert "No thing yet. Make the first one." in admin.get(LIST).text
    assert f"{LIST}/-/make" in admin.get(LIST).text


def test_columns_are_chosen_and_kept(admin: Browser) -> None:
    assert 'data-label="When this thing was made"' not in admin.get(LIST).text
    answer = admin.client.post(
        f"{LIST}/-/columns",
        data={"columns": ["name", "made_at"], "csrf_token": admin.token()},
        base_url=BASE,
        headers={"Referer": f"{BASE}/"},
    )
    assert answer.status_code == 303
    assert 'data-label="When this thing was made"' in admin.get(LIST).text


def test_filters_are_saved_under_a_name_and_removed(admin: Browser) -> None:
    admin.post(f"{LIST}/-/saved", name="新的", query="filter%5Bstate%5D=new")
    assert "新的" in admin.get(LIST).text
    admin.post(f"{LIST}/-/saved?remove=新的")
    assert "新的" not in admin.get(LIST).text


def test_the_current_filter_is_exported_as_csv_and_json(
    admin: Browser, shelf: Shelf, console: Console
) -> None:
    shelf.put("=HYPERLINK(1)", "kept")
    data = admin.get(f"{LIST}?filter[state]=kept&format=csv")
    rows = list(csv.reader(io.StringIO(data.data.decode("utf-8-sig"))))
    assert [row[0] for row in rows[1:]] == ["机柜 1", "机柜 2", "'=HYPERLINK(1)"]
    listed = json.loads(admin.get(f"{LIST}?filter[state]=new&format=json").data)
    assert [one["name"] for one in listed] == ["机柜 0"]
    auditor = Principal("usr_auditor", "张敏", frozenset({Role.AUDITOR}), "u_city", "password")
    found = console.app.audit.page(auditor, Ask(filters={"action": ("suite:list:export",)}))
    assert found.total == 2


def test_the_detail_page_shows_values_verbs_and_files(admin: Browser) -> None:
    page = admin.get(f"{LIST}/thing_001").text
    assert "机柜 1" in page
    assert f"{LIST}/thing_001/drop" in page
    assert admin.get(f"{LIST}/thing_001/download/label").data.decode() == "机柜 1"


def test_a_form_with_faults_keeps_what_was_sent_but_no_secret(admin: Browser, shelf: Shelf) -> None:
    form = admin.get(f"{LIST}/-/make").text
    answer = send(admin, f"{LIST}/-/make", form, name="", parts="门\n锁", attributes="a", password="geheim-5")
    assert answer.status_code == 422
    assert "门\n锁" in answer.text
    assert "geheim-5" not in answer.text
    assert shelf.made == []


def test_a_form_makes_a_thing_of_all_kinds_of_fields(admin: Browser, shelf: Shelf) -> None:
    path = f"{LIST}/-/make"
    form = admin.get(path).text
    fields = {
        "name": "机柜 9",
        "colour": "red",
        "parts": "门\n锁\n",
        "attributes": "楼层=3\n房间=301",
        "when": "2026-11-23T08:00",
        "urgent": "true",
        "paper": (io.BytesIO(b"%PDF"), "a.pdf"),
        **{name: hidden(form, name) for name in ("csrf_token", "number", "tag")},
    }
    answer = admin.client.post(path, data=fields, base_url=BASE, headers={"Referer": f"{BASE}/"})
    assert answer.status_code == 303
    made = shelf.made[0]
    assert made.parts == ("门", "锁")
    assert made.attributes == {"楼层": "3", "房间": "301"}
    assert made.when is not None
    assert made.when.isoformat() == "2026-11-23T08:00:00+08:00"
    assert made.paper == b"%PDF"
    assert made.urgent


def test_a_form_that_is_sent_twice_acts_once(admin: Browser, shelf: Shelf) -> None:
    form = admin.get(f"{LIST}/-/make").text
    answers = [
        send(admin, f"{LIST}/-/make", form, name="一次", colour="red", password="einmal-7") for _ in range(2)
    ]
    assert len(shelf.made) == 1
    assert all("einmal-7" in answer.text for answer in answers)  # what is shown once is not lost by it either


def test_an_act_that_is_sent_twice_is_answered_as_the_first_time(admin: Browser, shelf: Shelf) -> None:
    form = admin.get(f"{LIST}/thing_000/drop").text
    first, again = (send(admin, f"{LIST}/thing_000/drop", form, reason="报废") for _ in range(2))
    assert shelf.things["thing_000"].state == "gone"
    assert (first.status_code, again.status_code) == (
        303,
        303,
    )  # what was shown once is not lost by a double click
    assert again.headers["Location"] == first.headers["Location"]


def test_a_secret_is_shown_once_and_not_on_later_pages(admin: Browser) -> None:
    form = admin.get(f"{LIST}/-/make").text
    assert "einmal-8" in send(admin, f"{LIST}/-/make", form, name="s", colour="red", password="einmal-8").text
    assert "einmal-8" not in admin.get(LIST).text


def test_what_the_service_refuses_is_said_with_the_mend_and_can_be_sent_again(admin: Browser) -> None:
    form = admin.get(f"{LIST}/-/make").text
    answer = send(admin, f"{LIST}/-/make", form, name="refused", colour="red")
    assert answer.status_code == 422
    assert "The service says no." in answer.text
    assert send(admin, f"{LIST}/-/make", answer.text, name="besser", colour="red").status_code == 303


def test_a_dangerous_act_names_the_object_its_consequences_and_asks_for_the_reason(
    admin: Browser, shelf: Shelf
) -> None:
    form = admin.get(f"{LIST}/thing_000/drop").text
    assert "机柜 0" in form
    assert "thing_000 will be gone." in form
    assert send(admin, f"{LIST}/thing_000/drop", form).status_code == 422
    assert send(admin, f"{LIST}/thing_000/drop", form, reason="报废").status_code == 303
    assert shelf.things["thing_000"].state == "gone"
    assert "报废" in admin.get(f"{LIST}/thing_000").text  # the message on the next page


def test_who_acts_on_what_has_changed_is_told_so(admin: Browser, shelf: Shelf) -> None:
    form = admin.get(f"{LIST}/thing_000/drop").text
    shelf.things["thing_000"] = shelf.things["thing_000"].model_copy(update={"state": "kept"})
    answer = send(admin, f"{LIST}/thing_000/drop", form, reason="报废")
    assert answer.status_code == 412
    assert "报废" in answer.text
    assert shelf.things["thing_000"].state == "kept"


def test_many_at_once_are_answered_one_by_one(admin: Browser, shelf: Shelf) -> None:
    shelf.put("早没了", "gone", "thing_gone")
    path = f"{LIST}/-/bulk/drop"
    data = {"id": ["thing_000", "thing_gone"], "csrf_token": admin.token()}
    form = admin.client.post(path, data=data, base_url=BASE, headers={"Referer": f"{BASE}/"}).text
    assert "机柜 0" in form
    told = {name: hidden(form, name) for name in ("csrf_token", "number", "tag")}
    answer = admin.client.post(
        path, data={**data, **told, "reason": "清理"}, base_url=BASE, headers={"Referer": f"{BASE}/"}
    )
    assert "Dropped 机柜 0: 清理" in answer.text
    assert "It is gone already." in answer.text
    assert shelf.things["thing_000"].state == "gone"


def test_a_bulk_act_on_nothing_says_so(admin: Browser) -> None:
    answer = admin.post(f"{LIST}/-/bulk/drop")
    assert answer.status_code == 422


@pytest.mark.parametrize("path", ["-/make", "thing_000/drop"])
def test_without_the_permission_there_is_no_form_and_no_act(
    path: str, shelf: Shelf, signed_in: Callable[[Role], Browser]
) -> None:
    reader = signed_in(Role.SOC_ANALYST)
    assert f"/{path}" not in reader.get(LIST).text
    assert reader.get(f"{LIST}/{path}").status_code == 403
    assert reader.post(f"{LIST}/{path}", reason="x", number="n").status_code == 403
    assert reader.post(f"{LIST}/-/bulk/drop", id="thing_000", number="n").status_code == 403
    assert shelf.things["thing_000"].state == "new"


@pytest.mark.parametrize(
    "path",
    ["none", "none/drop", "thing_000/none", "-/none", "thing_000/download/none", "-/drop", "thing_000/make"],
)
def test_what_is_not_there_is_not_found(path: str, admin: Browser) -> None:
    assert admin.get(f"{LIST}/{path}").status_code == 404


def test_hostile_names_are_text(admin: Browser, shelf: Shelf) -> None:
    shelf.put('<script>alert(1)</script>"\u202e\x1b[2J' + "长" * 10_000, thing_id="thing_evil")
    for path in (LIST, f"{LIST}/thing_evil", f"{LIST}/thing_evil/drop"):
        page = admin.get(path).text
        assert "<script>alert" not in page
        assert "\u202e" not in page
        assert "\x1b" not in page


def test_a_photograph_of_a_paper_is_taken(admin: Browser, shelf: Shelf) -> None:
    path = f"{LIST}/-/make"
    form = admin.get(path).text
    photograph = io.BytesIO(b"x" * 5 * 2**20)
    fields = {
        "name": "照片",
        "colour": "red",
        "paper": FileStorage(photograph, "a.jpg", "paper"),
        **{name: hidden(form, name) for name in ("csrf_token", "number", "tag")},
    }
    boundary, data = encode_multipart(fields)
    kind = f"multipart/form-data; boundary={boundary}"
    answer = admin.client.post(
        path, data=data, content_type=kind, base_url=BASE, headers={"Referer": f"{BASE}/"}
    )
    assert answer.status_code == 303
    assert shelf.made[0].paper == b"x" * 5 * 2**20


def test_what_is_too_large_is_told_how_much_is_taken(admin: Browser, shelf: Shelf) -> None:
    answer = admin.client.post(
        f"{LIST}/-/make",
        data=b"x" * (security.UPLOAD + 1),
        content_type="multipart/form-data; boundary=b",
        base_url=BASE,
    )
    assert answer.status_code == 413
    assert "12 MiB" in answer.text
    assert shelf.made == []
