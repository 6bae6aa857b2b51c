"""JSON schemas of records, inputs and answers, and examples made of them."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from console.api.answers import Problem
from console.api.operations import Operation
from kernel.edges.resources import Resource
from kernel.i18n import current_language, translate

Schema = dict[str, Any]
Mode = Literal["serialization", "validation"]
REFERENCE = "#/components/schemas/"
TEXTS = ("title", "description")
LITERAL = ("default", "const", "enum", "examples")
OF_FORMS = ("widget", "labels")
FORMATS: Mapping[str, str] = {
    "date-time": "2026-11-23T08:00:00Z",
    "date": "2026-11-23",
    "binary": "",
    "base64": "5Y2r5Z+O",
    "ipv4": "10.0.0.1",
    "uuid": "5d0e0f3c-8c0a-4e0b-9a6b-0f6f2f4f9d10",
}


class Schemas:
    """Every model that the operations take or give, under one name each."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        operations = list(operations)
        wanted: dict[tuple[type[BaseModel], Mode], None] = {(Problem, "serialization"): None}
        for operation in operations:
            if operation.input is not None:
                wanted[operation.input, "validation"] = None
            if operation.output is not None:
                wanted[operation.output, "serialization"] = None
        self._found, together = models_json_schema(list(wanted), ref_template=f"{REFERENCE}{{model}}")
        self.components: dict[str, Schema] = {
            name: _spoken(schema) for name, schema in together["$defs"].items()
        }
        for resource in {operation.resource.name: operation.resource for operation in operations}.values():
            self._name_columns(resource)

    @property
    def problem(self) -> Schema:
        """A reference to the schema of problems."""
        return self._found[Problem, "serialization"]

    def of(self, model: type[BaseModel]) -> Schema:
        """A reference to the model's schema."""
        found = self._found.get((model, "serialization"))
        return found or self._found[model, "validation"]

    def component(self, reference: Schema) -> Schema:
        """The schema that a reference names."""
        return self.components[reference["$ref"].removeprefix(REFERENCE)]

    def _name_columns(self, resource: Resource) -> None:
        """Fields of records are called what the console's columns are."""
        reference = self._found.get((resource.record, "serialization"))
        if reference is None:
            return
        properties = self.component(reference)["properties"]
        for column in resource.columns:
            if column.name in properties:
                properties[column.name]["title"] = translate(column.label)


def example(schema: Schema, components: Mapping[str, Schema]) -> Any:
    """A value that the schema lets pass, as simple as can be: what is required, and no more."""
    if "$ref" in schema:
        return example(components[schema["$ref"].removeprefix(REFERENCE)], components)
    for known in ("const", "default"):
        if known in schema:
            return schema[known]
    if schema.get("examples") or schema.get("enum"):
        return (schema.get("examples") or schema["enum"])[0]
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return example(schema[choice][0], components)
    return _simple(schema, components)


def _simple(schema: Schema, components: Mapping[str, Schema]) -> Any:
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {name: example(properties[name], components) for name in schema.get("required", ())}
        case "array":
            items: Schema = schema.get("items") or next(iter(schema.get("prefixItems", ())), {})
            return [example(items, components)] * schema.get("minItems", 0)
        case "integer" | "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        case "boolean":
            return False
        case "null":
            return None
    return FORMATS.get(schema.get("format", ""), "text".ljust(schema.get("minLength", 0), "x"))


def _spoken(value: Any, named: bool = False) -> Any:
    """The schema in the reader's language; ``named``: its keys are names of fields, not words of JSON Schema.

    What pydantic makes of class and field names is English; readers of Chinese go by the names themselves.
    """
    if isinstance(value, list):
        return [_spoken(part) for part in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for name, part in value.items():
        if named:
            made[name] = _spoken(part)
        elif name in TEXTS:
            if (text := translate(part)) != part or current_language() == "en":
                made[name] = text
        elif name in LITERAL:
            made[name] = part
        elif name not in OF_FORMS:
            made[name] = _spoken(part, named=name in ("properties", "$defs"))
    return made
