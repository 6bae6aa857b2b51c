"""The API's description as pages, for who is signed in."""

from collections.abc import Callable

import pytest

from console.api.page import kind_of
from console.resources import resources
from kernel.identity.model import Role
from tests.unit.console.conftest import Browser, Console


def test_it_takes_a_session_to_read_them(console: Console) -> None:
    assert console.browser().get("/api/docs").status_code == 303


def test_the_contents_lead_to_every_object(signed_in: Callable[[Role], Browser]) -> None:
    browser = signed_in(Role.ASSESSOR)
    page = browser.get("/api/docs").text
    for name in resources():
        path = f"/api/docs/{name.replace('.', '/')}"
        assert f'href="{path}"' in page
        assert browser.get(path).status_code == 200, path


def test_an_objects_page_tells_paths_fields_and_an_example(signed_in: Callable[[Role], Browser]) -> None:
    page = signed_in(Role.ASSESSOR).get("/api/docs/jobs/jobs").text
    for told in ("/api/v1/jobs/jobs/{id}", "Idempotency-Key", "filter[state]", "curl -H", "wct_…", "412"):
        assert told in page
    assert "style=" not in page


def test_of_an_unknown_object_there_is_no_page(signed_in: Callable[[Role], Browser]) -> None:
    assert signed_in(Role.ASSESSOR).get("/api/docs/jobs/nowhere").status_code == 404


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "string", "format": "date-time"}, "string (date-time)"),
        ({"type": "string", "minLength": 1, "maxLength": 9}, "string (1–9)"),
        ({"type": "integer", "minimum": 1}, "integer (1–)"),
        ({"enum": ["open", "closed"], "type": "string"}, "open | closed"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string | null"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Part"}}, "array of Part"),
        ({"$ref": "#/components/schemas/State"}, "on | off"),
        ({"const": "x"}, "x"),
        ({}, "any"),
    ],
)
def test_a_schema_is_told_in_a_few_words(schema: dict[str, object], told: str) -> None:
    assert kind_of(schema, {"State": {"type": "string", "enum": ["on", "off"]}}) == told
