"""All policy data (``policies/data``): loaded whole, every fault named by file and line, one digest as its version.

A part is a folder of YAML files. ``policies/schemas/<part>.json`` (JSON Schema 2020-12), where there is one, says what its
documents look like. The console hands each room its part.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kernel.canonical import sha256_hex
from kernel.errors import ErrorCode, Invalid, WeichengError
from kernel.i18n import N_

DATA = Path(__file__).parent / "data"
SCHEMAS = Path(__file__).parent / "schemas"
_MAX_BYTES = 4 * 1024 * 1024
_MAX_NODES = 200_000


@dataclass(frozen=True)
class Document:
    """One YAML document: its part, file (relative to the data folder), first line, value, and the node it was read from."""

    part: str
    file: str
    line: int
    value: Any
    node: Any = field(repr=False, compare=False)

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with the data; ``message`` is ready text or a message id with ``params``."""

    place: str
    message: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class PolicyData:
    """Documents by part, and the SHA-256 over all files' names and bytes."""

    documents: tuple[Document, ...]
    version: str

    def part(self, name: str) -> tuple[Document, ...]:
        """The documents of one part, in file order."""
        return tuple(document for document in self.documents if document.part == name)

    def counts(self) -> dict[str, int]:
        parts = sorted({document.part for document in self.documents})
        return {part: len(self.part(part)) for part in parts}


class FaultyData(WeichengError):
    """Policy data with faults; ``faults`` holds all of them, the message the first."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        first = faults[0]
        super().__init__(
            ErrorCode.INVALID,
            first.message,
            mend=N_("Correct it; weicheng policies check lists every fault."),
            place=first.place,
            **first.params,
        )
        self.faults = tuple(faults)


def load(folder: Path = DATA, schemas: Path = SCHEMAS, *, part: str = "") -> PolicyData:
    """Read and validate everything below ``folder``, or one part of it; FaultyData names each fault by file and line."""
    documents: list[Document] = []
    faults: list[Fault] = []
    digests: list[str] = []
    for path in sorted((folder / part).rglob("*.y*ml")):
        name = path.relative_to(folder).as_posix()
        data = path.read_bytes()
        digests.append(f"{sha256_hex(data)}  {name}\n")
        try:
            documents += read_documents(data, name)
        except Invalid as error:
            faults.append(Fault(error.place, error.message, error.params))
    faults += _schema_faults(documents, schemas)
    faults += _repeated_ids(documents)
    if faults:
        raise FaultyData(sorted(faults, key=lambda fault: fault.place))
    return PolicyData(tuple(documents), sha256_hex("".join(digests).encode()))


def read_documents(data: bytes, name: str) -> list[Document]:
    """The documents of one YAML file; Invalid with file and line for anything else. At most 4 MiB and 200,000 nodes."""
    if len(data) > _MAX_BYTES:
        raise Invalid(N_("The file is larger than %(limit)s bytes."), place=name, limit=_MAX_BYTES)
    part = name.split("/", 1)[0]
    try:
        return [
            Document(part, name, node.start_mark.line + 1, value, node)
            for node, value in _documents(data.decode(), name)
        ]
    except UnicodeDecodeError as error:
        raise Invalid(N_("The file is not UTF-8."), place=name) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = error.problem or ""
        raise Invalid(N_("No valid YAML: %(problem)s."), place=f"{name}:{line}", problem=problem) from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise Invalid(N_("No valid YAML: %(problem)s."), place=name, problem=type(error).__name__) from error


def read_one(data: bytes, part: str, schemas: Path = SCHEMAS) -> Any:
    """The value of the one document of ``part`` that a YAML text holds; Invalid or FaultyData names the line."""
    documents = read_documents(data, f"{part}/document")
    if len(documents) != 1 or not isinstance(documents[0].value, dict):
        raise Invalid(N_("The file holds no single YAML document."), place=part)
    faults = list(_schema_faults(documents, schemas))
    if faults:
        raise FaultyData(faults)
    return documents[0].value


def _documents(text: str, name: str) -> Iterator[tuple[Any, Any]]:
    """Each document's node, which knows its lines, and its value; keys are checked before the value is built."""
    loader = yaml.SafeLoader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            _check_keys(node, name)
            value = loader.construct_document(node)
            if value is not None:
                yield node, value
    finally:
        loader.dispose()


def _line_of(node: Any, path: Sequence[Any]) -> int:
    """The line of the value at ``path`` (keys and list positions) in a document's node."""
    for step in path:
        below = _child(node, step)
        if below is None:
            break
        node = below
    return int(node.start_mark.line) + 1


def _child(node: Any, step: Any) -> Any:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    return None


def _check_keys(root: Any, name: str) -> None:
    """Refuse a key written twice in one mapping (YAML 1.2 section 3.2.1.1), which a loader would pass over."""
    waiting, seen = [root], 0
    while waiting:
        node = waiting.pop()
        seen += 1
        if seen > _MAX_NODES:  # aliases may nest without end
            raise Invalid(N_("The file has more than %(limit)s nodes."), place=name, limit=_MAX_NODES)
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in keys and key.value != "<<":
                    place = f"{name}:{key.start_mark.line + 1}"
                    raise Invalid(N_("%(key)s is written twice."), place=place, key=key.value[:60])
                keys.add(str(key.value))
                waiting.append(value)


def _schema_faults(documents: Sequence[Document], schemas: Path) -> Iterator[Fault]:
    from jsonschema import Draft202012Validator

    for part in sorted({document.part for document in documents}):
        path = schemas / f"{part}.json"
        if not path.exists():
            continue
        validator = Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))
        for document in documents:
            if document.part == part:
                yield from (
                    Fault(
                        f"{document.file}:{_line_of(document.node, list(error.absolute_path))}",
                        "%(detail)s",
                        {"detail": error.message},
                    )
                    for error in validator.iter_errors(document.value)
                )


def _repeated_ids(documents: Sequence[Document]) -> Iterator[Fault]:
    first: dict[tuple[str, str], Document] = {}
    for document in documents:
        value = document.value
        if not isinstance(value, dict) or not isinstance(value.get("id"), str):
            continue
        key = (document.part, value["id"])
        if key in first:
            message = N_("The id %(id)s is also in %(other)s.")
            yield Fault(document.place, message, {"id": value["id"], "other": first[key].place})
        first.setdefault(key, document)
