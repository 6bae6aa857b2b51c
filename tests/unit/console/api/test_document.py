"""The OpenAPI document: valid, whole, in both languages, and true to what is answered."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from console.api.document import openapi
from console.api.operations import operations
from console.resources import resources
from kernel.edges.resources import Resource
from kernel.i18n import LANGUAGES, speaking
from tests.unit.console.api.conftest import Desk, Program
from tests.unit.console.api.notes import RESOURCE

EVERY = {**resources(), RESOURCE.name: RESOURCE}


@pytest.fixture(scope="module", params=LANGUAGES)
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    with speaking(request.param):
        return json.loads(json.dumps(openapi(EVERY)))  # type: ignore[no-any-return]


def each(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_it_is_valid_openapi(document: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_operation_has_one_name_and_tells_what_it_answers(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in each(document)]
    assert len(names) == len(set(names))
    for path, _, operation in each(document):
        assert operation["summary"], operation["operationId"]
        assert operation["tags"] == [".".join(path.split("/")[1:3])]
        assert {"401", "403", "404", "422", "429"} <= set(operation["responses"])


def test_every_verb_of_every_declaration_is_in_it(document: dict[str, Any]) -> None:
    found = {operation["operationId"] for _, _, operation in each(document)}
    for resource in EVERY.values():
        stem = resource.name.replace(".", "_")
        for verb in resource.verbs:
            assert f"{stem}_{verb.name}" in found
            assert (f"{stem}_{verb.name}_many" in found) == verb.bulk
        for download in resource.downloads:
            assert f"{stem}_download_{download.name}" in found


@pytest.mark.parametrize("resource", EVERY.values(), ids=lambda resource: resource.name)
def test_no_two_verbs_want_one_path(resource: Resource) -> None:
    taken = [(operation.method, operation.path) for operation in operations(resource)]
    assert len(taken) == len(set(taken))
    assert all("ids" not in verb.input.model_fields for verb in resource.verbs if verb.bulk)


def test_the_example_of_each_body_is_one(document: dict[str, Any]) -> None:
    for _, _, operation in each(document):
        if "requestBody" in operation:
            media = operation["requestBody"]["content"]["application/json"]
            schema = {**media["schema"], "components": document["components"]}
            faults = [error.message for error in Draft202012Validator(schema).iter_errors(media["example"])]
            assert faults == [], operation["operationId"]


def test_nothing_that_is_read_is_left_in_the_other_language() -> None:
    documents = []
    for language in LANGUAGES:
        with speaking(language):
            documents.append(openapi(resources()))
    same = [
        chinese
        for one, other in zip(*map(each, documents), strict=True)
        for chinese, english in zip(_texts(one[2]), _texts(other[2]), strict=True)
        if chinese == english
    ]
    assert same == []


def _texts(operation: Mapping[str, Any]) -> list[str]:
    """What people read of an operation."""
    parts = (*operation["parameters"], *operation["responses"].values())
    return [operation["summary"], *(part["description"] for part in parts if "description" in part)]


def test_names_of_fields_are_not_taken_for_words_of_the_schema(document: dict[str, Any]) -> None:
    assert set(document["components"]["schemas"]["NoteRecord"]["properties"]) == {
        "id",
        "title",
        "state",
        "pages",
        "unit",
        "created_at",
    }


def test_it_is_served_in_the_language_one_asks_for(desk: Desk, admin: Program) -> None:
    english, chinese = (admin.get(f"/api/v1/openapi.json?lang={tag}").get_json() for tag in ("en", "zh_CN"))
    assert (english["info"]["title"], chinese["info"]["title"]) == ("Weicheng API", "卫城接口")
    accepted = admin.get("/api/v1/openapi.json", Accept_Language="zh-CN").get_json()
    assert accepted == chinese


def test_the_command_line_prints_it_without_a_database(tmp_path: Any) -> None:
    command = [sys.executable, "-m", "console.main", "--lang", "en", "api", "openapi"]
    environment = {"WEICHENG_DATABASE_URL": f"sqlite:///{tmp_path}/none/none.sqlite", "PATH": ""}
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
    assert set(json.loads(done.stdout)["paths"]) == {
        operation.path for resource in resources().values() for operation in operations(resource)
    }
    assert not (tmp_path / "none").exists()
