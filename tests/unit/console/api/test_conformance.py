"""Schemathesis against the whole API: whatever is sent, no fault inside, and every answer is as the document says."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from benchmarks.installation import Bench
from benchmarks.seeds import SEEDS
from console.api import admission
from console.api.app import create_api
from console.api.document import openapi
from console.resources import resources
from kernel.i18n import speaking
from kernel.identity.model import Role
from tests.unit.console.api.conftest import Desk, Program
from tests.unit.console.api.notes import RESOURCE

EVERY = {**resources(), RESOURCE.name: RESOURCE}
CHECKS: list[CheckFunction] = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture
def whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Every declared object, with some notes in the store; nobody is throttled."""
    monkeypatch.setattr(admission, "FAILURES", 10**9)
    settings = desk.console.app.settings
    web = settings.web.model_copy(update={"api_per_minute": 10_000_000})
    desk.console.app.settings = settings.model_copy(update={"web": web})
    for number in range(3):
        desk.notes.put(f"nte_{number}", f"note {number}")
    for name in SEEDS.keys() - {"certificates"}:  # whose rows would need real certificates in them
        SEEDS[name].fill(Bench(desk.console.app, desk.flask, {}), 3)
    return Desk(desk.console, create_api(desk.console.app, EVERY), desk.notes)


def ids_of(program: Program, path: str) -> list[str]:
    """Of an object that is there, and of one that is not."""
    listed = program.get(f"/api/v1{path}?limit=1")
    return ["none", *(_id(path, item) for item in (listed.get_json().get("items") or ()))]


def _id(path: str, item: dict[str, object]) -> str:
    return str(item[EVERY[".".join(path.split("/")[1:3])].key])


@dataclass
class Attack:
    """Asks everything, rightly and wrongly, in one role's name."""

    desk: Desk
    program: Program
    examples: int
    answered: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def run(self) -> None:
        with speaking("en"):
            schema = schemathesis.openapi.from_dict(openapi(EVERY))
        schema.app = self.desk.flask
        for found in schema.get_all_operations():
            operation = found.ok()
            listed = "/".join(operation.path.split("/")[:3])
            for object_id in ids_of(self.program, listed) if "{id}" in operation.path else ["none"]:
                wrong = [GenerationMode.NEGATIVE] if object_id == "none" else []
                for mode in (GenerationMode.POSITIVE, *wrong):
                    strategy = operation.as_strategy(mode, path_parameters={"id": object_id})
                    try:
                        self._ask(strategy)
                    except (AssertionError, FailureGroup) as fault:
                        self.faults.append(f"{operation.label}: {fault}"[:2000])

    def _ask(self, strategy: SearchStrategy[schemathesis.Case]) -> None:
        sent = {"Authorization": f"Bearer {self.program.token}", "Accept-Language": "en"}

        @settings(
            max_examples=self.examples,
            database=None,
            deadline=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def ask(case: schemathesis.Case) -> None:
            response = case.call(base_url="https://127.0.0.1:8443/api/v1", headers=sent)
            self.answered[response.status_code] += 1
            assert response.status_code != 429
            assert b"urn:weicheng:problem:internal" not in response.content
            case.validate_response(response, checks=CHECKS)

        ask()


def attacked(desk: Desk, role: Role, examples: int) -> Attack:
    attack = Attack(desk, desk.program(role), examples)
    attack.run()
    return attack


def test_nothing_that_is_sent_breaks_it(whole: Desk) -> None:
    """Who reads and changes most; the slow tests try every role."""
    attack = attacked(whole, Role.NETWORK_ADMINISTRATOR, 2)
    assert attack.faults == []
    assert {200, 403, 404, 422} <= set(attack.answered)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("role", Role)
def test_nothing_that_any_role_sends_breaks_it(whole: Desk, role: Role) -> None:
    attack = attacked(whole, role, 2)
    assert attack.faults == []
    assert {200, 401, 403, 404, 422} <= set(attack.answered)
