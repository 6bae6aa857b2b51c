"""Acting: making objects, verbs on one, on many and on all; what is wrong with a body is told place by place."""

from base64 import b64decode
from collections.abc import Callable
from typing import Any

from kernel.identity.model import Role
from tests.unit.console.api.conftest import NOTES, Desk, Program

Write = Callable[[str], dict[str, Any]]


def test_what_is_made_has_an_address(admin: Program) -> None:
    made = admin.post(NOTES, {"title": "  keys "})
    assert made.status_code == 201
    assert made.get_json()["message"] == "Note keys was written."
    again = admin.get(made.headers["Location"])
    assert again.get_json() == made.get_json()["record"]
    assert again.headers["ETag"] == made.headers["ETag"]


def test_a_further_way_to_make_one_has_a_path_of_its_own(admin: Program) -> None:
    made = admin.post(f"{NOTES}/seal", {"title": "keys"})
    assert made.status_code == 201
    assert made.get_json()["secrets"] == {"Password": "secret of keys"}


def test_work_that_goes_on_names_its_job(admin: Program, write: Write) -> None:
    answer = admin.post(f"{NOTES}/{write('keys')['id']}/copy")
    assert answer.status_code == 202
    assert answer.headers["Location"] == "/api/v1/jobs/jobs/job_of_copy" == answer.get_json()["job"]


def test_a_verb_of_the_whole_list_needs_no_object(admin: Program) -> None:
    assert admin.post(f"{NOTES}/count", {}).get_json()["message"] == "Counted."


def test_of_many_each_is_answered_for_itself(admin: Program, write: Write) -> None:
    first, second, third = (write(title)["id"] for title in "abc")
    admin.post(f"{NOTES}/{second}/close", {"reason": "before"})
    answer = admin.post(f"{NOTES}/close", {"ids": [first, second, "nte_0", third, first], "reason": "done"})
    body = answer.get_json()
    assert answer.status_code == 207
    assert [(item["id"], item["status"]) for item in body["items"]] == [
        (first, 200),
        (second, 409),
        ("nte_0", 404),
        (third, 200),
    ]
    assert (body["done"], body["failed"]) == (2, 2)
    assert body["items"][0]["outcome"]["record"]["state"] == "closed"
    assert body["items"][1]["problem"]["detail"] == f"Note {second} is closed already."


def test_a_fault_inside_stops_none_of_many_and_shows_no_detail(admin: Program, write: Write) -> None:
    ids = [write(title)["id"] for title in "ab"]
    answer = admin.post(f"{NOTES}/close", {"ids": ids, "reason": "burst"})
    assert [item["status"] for item in answer.get_json()["items"]] == [500, 500]
    assert "hidden detail" not in answer.text


def test_many_are_one_to_five_hundred_ids(admin: Program) -> None:
    for ids in ({}, {"ids": []}, {"ids": ["x"] * 501}, {"ids": "x"}, {"ids": [1]}):
        refused = admin.post(f"{NOTES}/close", {"reason": "done", **ids})
        assert refused.status_code == 422
        assert {error["field"] for error in refused.get_json()["errors"]} == {"ids"}


def test_every_wrong_field_is_told_in_the_callers_language(admin: Program) -> None:
    body = {"titel": "keys", "text": 7, "attachment": "x"}
    errors = admin.post(NOTES, body, Accept_Language="zh-CN").get_json()["errors"]
    told = {error["pointer"]: error["detail"] for error in errors}
    assert set(told) == {"/titel", "/title", "/text", "/attachment"}
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in text) for text in told.values()), told
    assert "keys" not in str(errors)
    english = admin.post(NOTES, body, Accept_Language="en").get_json()["errors"]
    assert next(error["detail"] for error in english if error["field"] == "title") == "This is needed."


BODIES = (
    (b"{", "application/json", 400),
    (b"\xff\xfe", "application/json", 400),
    (b'{"title": "\\ud800"}', "application/json", 400),
    (b"[" * 100_000, "application/json", 400),
    (b"[]", "application/json", 422),
    (b"null", "application/json", 422),
    (b"", "application/json", 422),
    (b'{"title": "keys"}', "text/plain", 415),
    (b"title=keys", "application/x-www-form-urlencoded", 415),
    (b" " * (8 * 2**20 + 1), "application/json", 413),
)


def test_a_body_of_the_wrong_form_is_refused(admin: Program, desk: Desk) -> None:
    for content, kind, status in BODIES:
        answer = admin.post(NOTES, content, Content_Type=kind)
        assert answer.status_code == status, (content[:40], kind, answer.text)
    assert desk.notes.count() == 0
    assert admin.post(NOTES, b'{"title": "keys"}', Content_Type="application/x+json").status_code == 201


def test_a_method_that_a_path_does_not_know_is_told_which_it_does(admin: Program, write: Write) -> None:
    note = write("keys")
    for method, path, allowed in (
        ("DELETE", NOTES, {"GET", "HEAD", "OPTIONS", "POST"}),
        ("PUT", f"{NOTES}/{note['id']}", {"GET", "HEAD", "OPTIONS"}),
        ("GET", f"{NOTES}/{note['id']}/copy", {"OPTIONS", "POST"}),
    ):
        refused = admin.ask(method, path)
        assert (refused.status_code, set(refused.headers["Allow"].split(", "))) == (405, allowed)
        assert refused.get_json()["type"] == "urn:weicheng:problem:method_not_allowed"


def test_a_verb_refuses_parameters_it_would_ignore(admin: Program, desk: Desk) -> None:
    assert admin.post(f"{NOTES}?dry_run=1", {"title": "keys"}).status_code == 422
    assert desk.notes.count() == 0


def test_if_match_lets_only_him_act_who_saw_the_object_as_it_is(admin: Program, write: Write) -> None:
    path = f"{NOTES}/{write('keys')['id']}"
    tag = admin.get(path).headers["ETag"]
    stale = admin.post(f"{path}/close", {"reason": "x"}, If_Match='"0123456789abcdef0123456789abcdef"')
    assert (stale.status_code, stale.get_json()["type"]) == (412, "urn:weicheng:problem:changed")
    assert admin.get(path).get_json()["state"] == "open"
    assert admin.post(f"{path}/close", {"reason": "x"}, If_Match=f'"other", {tag}').status_code == 200
    assert admin.post(f"{path}/close", {"reason": "x"}, If_Match=tag).status_code == 412
    assert admin.post(f"{path}/close", {"reason": "x"}, If_Match="*").status_code == 409


def test_who_may_not_act_is_told_who_may_and_it_is_audited(desk: Desk, admin: Program, write: Write) -> None:
    note = write("keys")
    refused = desk.program(Role.SOC_ANALYST).post(f"{NOTES}/{note['id']}/close", {"reason": "x"})
    assert refused.status_code == 403
    assert "network_administrator" in refused.get_json()["mend"]
    record = desk.audited(action="identity:access:deny")
    assert (record.target, record.outcome) == ("assets:asset:write", "denied")


def test_what_a_program_does_is_audited_with_its_token(desk: Desk, admin: Program, write: Write) -> None:
    note = write("keys")
    assert desk.audited(target=f"note:{note['id']}").details["token"].startswith("tok_")


def test_one_act_on_many_is_done_whole_or_not_at_all(admin: Program, write: Write) -> None:
    ids = [write(title)["id"] for title in "ab"]
    done = admin.post(f"{NOTES}/bind", {"ids": [*ids, "nte_0"]}).get_json()
    assert [(item["id"], item["status"]) for item in done["items"]] == [(one, 404) for one in (*ids, "nte_0")]
    done = admin.post(f"{NOTES}/bind", {"ids": ids}).get_json()
    assert (done["done"], done["failed"]) == (2, 0)
    assert done["items"][0]["outcome"]["message"] == "2 notes are bound."


def test_what_is_handed_over_once_comes_in_base64_with_what_came_out(admin: Program, write: Write) -> None:
    done = admin.post(f"{NOTES}/{write('密钥')['id']}/bind").get_json()
    assert b64decode(done["file"]["data"]).decode() == "密钥"
    assert done["rows"] == [{"title": "密钥", "pages": 1}]
