"""Reading: lists page by page, filtered and ordered; objects with their entity tags; files."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from kernel.identity.model import Role
from tests.unit.console.api.conftest import NOTES, Desk, Program

Write = Callable[[str], dict[str, Any]]


def test_a_list_is_walked_page_by_page_to_its_end(admin: Program, write: Write) -> None:
    written = [write(f"note {number}")["id"] for number in range(5)]
    found, path = [], f"{NOTES}?limit=2&sort=created"
    while path:
        page = admin.get(path).get_json()
        assert (page["total"], page["total_exact"]) == (5, True)
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        path = cursor and f"{NOTES}?limit=2&sort=created&cursor={cursor}"
    assert found == written


def test_filters_and_quick_find_narrow_the_list_and_count_its_values(admin: Program, write: Write) -> None:
    closed, other = write("keys of the county"), write("keys of the city")
    write("minutes")
    admin.post(f"{NOTES}/{closed['id']}/close", {"reason": "done"})
    page = admin.get(f"{NOTES}?q=keys&filter[state]=open").get_json()
    assert [item["id"] for item in page["items"]] == [other["id"]]
    assert page["facets"] == {"state": {"open": 1, "closed": 1}}
    both = admin.get(f"{NOTES}?filter[state]=open&filter[state]=closed").get_json()
    assert both["total"] == 3


WRONG = (
    "limit=0",
    "limit=501",
    "limit=ten",
    "sort=colour",
    "filter[colour]=red",
    "filter[since]=yesterday",
    "cursor=%00",
    "colour=red",
    f"q={'x' * 201}",
)


def test_a_wrong_parameter_is_named_instead_of_ignored(admin: Program) -> None:
    for query in WRONG:
        refused = admin.get(f"{NOTES}?{query}")
        assert (refused.status_code, refused.content_type) == (422, "application/problem+json"), query
        assert refused.get_json()["type"] == "urn:weicheng:problem:invalid"


def test_an_object_that_did_not_change_is_not_sent_again(admin: Program, write: Write) -> None:
    path = f"{NOTES}/{write('keys')['id']}"
    first = admin.get(path)
    assert admin.get(path, If_None_Match=first.headers["ETag"]).status_code == 304
    assert admin.get(path, If_None_Match='"other", *').status_code == 304
    assert admin.post(f"{path}/close", {"reason": "done"}).headers["ETag"] != first.headers["ETag"]
    assert admin.get(path, If_None_Match=first.headers["ETag"]).get_json()["state"] == "closed"


def test_a_file_comes_with_its_name_and_kind(admin: Program, write: Write) -> None:
    file = admin.get(f"{NOTES}/{write('密钥 1')['id']}/text")
    assert (file.status_code, file.content_type, file.text) == (200, "text/plain; charset=utf-8", "密钥 1")
    assert file.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{quote('密钥 1.txt')}"


def test_the_files_of_the_whole_list_have_a_path_that_no_object_can_take(
    admin: Program, write: Write
) -> None:
    write("a")
    write("b")
    assert admin.get(f"{NOTES}/-/index").text == "a\nb"
    assert admin.get(f"{NOTES}/index").status_code == 404


def test_an_object_may_be_called_like_a_verb(admin: Program, desk: Desk) -> None:
    for name in ("close", "write", "seal", "count", "text", "-"):
        desk.notes.put(name, "named like a verb")
        assert admin.get(f"{NOTES}/{name}").get_json()["title"] == "named like a verb"
        assert admin.get(f"{NOTES}/{name}/text").text == "named like a verb"
        closed = admin.post(f"{NOTES}/{name}/close", {"reason": "done"})
        assert closed.get_json()["record"]["state"] == "closed", name


def test_a_verb_and_a_file_may_have_one_name(admin: Program, write: Write) -> None:
    path = f"{NOTES}/{write('keys')['id']}/close"
    assert admin.get(path).text == "keys"
    assert admin.post(path, {"reason": "done"}).get_json()["record"]["state"] == "closed"


def test_what_lies_outside_of_ones_units_is_not_there(desk: Desk, admin: Program, write: Write) -> None:
    note = write("of the city")
    registrar = desk.program(Role.REGISTRAR)  # of a county
    assert registrar.get(NOTES).get_json()["items"] == []
    refused = registrar.get(f"{NOTES}/{note['id']}").get_json()
    missing = registrar.get(f"{NOTES}/nte_0").get_json()
    for problem in (refused, missing):
        problem["detail"] = problem["detail"].replace(note["id"], "nte_0")
        del problem["request_id"], problem["instance"]
    assert refused == missing


def test_a_strange_id_is_an_unknown_one(admin: Program) -> None:
    for note_id in ("%00", "%E5%8D%AB", "..%2F..%2Fetc", "'; --", "%F0%9F%94%91", "%ED%A0%80", "x" * 300):
        assert admin.get(f"{NOTES}/{note_id}").status_code == 404, note_id
