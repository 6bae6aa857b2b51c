"""Every page, form and file of every declared object, as each role in its own unit and in another: who may, sees it; who may
not, learns nothing, not even that it exists.

Generated from the declarations and run over the main job's results, so that a new object is tried without anybody's doing.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from console.compose.app import App
from console.compose.tables import import_all_tables
from console.resources import resources
from console.web.app import create_app
from console.web.engine.links import item_url, list_url
from console.web.security import COOKIE
from kernel.config import load_settings
from kernel.edges.resources import On, Resource, Verb
from kernel.identity.model import Principal, Role
from kernel.identity.passwords import totp_code
from kernel.store.listing import Ask
from tests.support.statements import counting

BASE = "https://127.0.0.1:8443"
UNITS = ("u_city", "u_county")
WHO = [(role, unit) for unit in UNITS for role in Role]
ABSENT = "none_such"
PERSONAL = ("identity.approvals", "identity.sessions", "identity.tokens")  # seen by those whom they concern


@dataclass(frozen=True)
class Person:
    principal: Principal
    client: FlaskClient

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, base_url=BASE)

    def post(self, path: str, token: str = "") -> TestResponse:
        return self.client.post(
            path, base_url=BASE, data={"csrf_token": token}, headers={"Referer": f"{BASE}/"}
        )

    def token(self) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get("/").text)
        assert found is not None
        return found[1]


@dataclass(frozen=True)
class World:
    """The results of the main job, somebody of each role in each unit, and one object of each kind and unit."""

    app: App
    people: Mapping[tuple[Role, str], Person]
    objects: Mapping[str, tuple[tuple[str, str], ...]]  # resource -> (id, unit or "")

    def person(self, who: tuple[Role, str]) -> Person:
        return self.people[who]


@pytest.fixture(scope="module")
def world(finished_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("pages") / "demo"
    shutil.copytree(finished_demo, folder, symlinks=True)
    settings = folder / "weicheng.toml"
    settings.write_text(settings.read_text().replace(str(finished_demo), str(folder)))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WEICHENG_CONFIG", str(settings))
        import_all_tables()
        app = App(load_settings())
        flask = create_app(app)
        people = _people(app, flask)
        yield World(app, people, _objects(app, people))
        app.floor.database.close()


def _people(app: App, flask: Flask) -> dict[tuple[Role, str], Person]:
    """Somebody new of each role and unit, made and signed in as everybody is."""
    sysadmin, officer = (
        Principal(f"usr_of_test_{role}", role, frozenset({role}), "u_city", "password")
        for role in (Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_OFFICER)
    )
    people = {}
    for number, (role, unit) in enumerate(WHO):
        account = app.identity.create_user(sysadmin, f"try.{number}", f"试用 {number}", unit)
        app.identity.grant_roles(officer, f"try.{number}", [role])
        code = totp_code(account.totp_secret, app.clock.now().timestamp())
        signed_in = app.floor.sign_in.with_password(f"try.{number}", account.password, code)
        app.floor.sign_in.change_password(signed_in.principal, account.password, f"Try-this-{number}-{unit}")
        client = flask.test_client()
        client.set_cookie(COOKIE, signed_in.token, domain="127.0.0.1", secure=True)
        people[role, unit] = Person(app.floor.sign_in.principal(signed_in.token), client)
    return people


def _objects(app: App, people: Mapping[tuple[Role, str], Person]) -> dict[str, tuple[tuple[str, str], ...]]:
    """One object of each kind and unit, as the people of the topmost unit see them in the lists."""
    found = {}
    for resource in resources().values():
        by_unit: dict[str, str] = {}
        for role in Role:
            principal = people[role, "u_city"].principal
            if app.floor.access.allows(principal, resource.permission):
                for record in resource.page(app, principal, Ask(limit=200)).items:
                    unit = getattr(record, "unit", None)
                    by_unit.setdefault(unit if unit in UNITS else "", str(getattr(record, resource.key)))
        found[resource.name] = tuple((object_id, unit) for unit, object_id in by_unit.items())
    return found


def _held(world: World, person: Person, what: Resource | Verb) -> bool:
    return world.app.floor.access.allows(person.principal, what.permission)


def _sees(world: World, person: Person, unit: str) -> bool:
    return unit in (world.app.floor.access.visible_units(person.principal) or ())


def _told(answer: TestResponse, *ids: str) -> str:
    """What a page tells, without what differs from request to request."""
    text = re.sub(r"req_[0-9a-f]+|value=\"[^\"]*\"|data-idle=\"\d+\"|\d\d:\d\d:\d\d", "", answer.text)
    for one in (part for whole in ids for part in (whole, whole[:60], *whole.split("."))):
        text = text.replace(one, "")
    return text


@pytest.mark.parametrize("who", WHO, ids=lambda who: f"{who[0]}-{who[1]}")
def test_lists(who: tuple[Role, str], world: World) -> None:
    person = world.person(who)
    for resource in resources().values():
        answer = person.get(list_url(resource.name))
        assert answer.status_code == (200 if _held(world, person, resource) else 403), resource.name
        exported = person.get(list_url(resource.name, format="csv"))
        assert exported.status_code == answer.status_code, resource.name
        answered = person.get(f"/api/v1{list_url(resource.name)}")
        assert answered.status_code == answer.status_code, resource.name


@pytest.mark.parametrize("who", WHO, ids=lambda who: f"{who[0]}-{who[1]}")
def test_objects(who: tuple[Role, str], world: World) -> None:
    person = world.person(who)
    for resource in resources().values():
        if resource.item is None:
            continue
        absent = person.get(item_url(resource.name, ABSENT))
        assert absent.status_code == (404 if _held(world, person, resource) else 403), resource.name
        for object_id, unit in world.objects[resource.name]:
            answer = person.get(item_url(resource.name, object_id))
            place = f"{resource.name} {object_id} of {unit}"
            if not _held(world, person, resource):
                assert answer.status_code == 403, place
            elif unit and not _sees(world, person, unit):
                assert answer.status_code == 404, place
                assert _told(answer, object_id) == _told(absent, ABSENT), place
            else:
                known = unit and resource.name not in PERSONAL
                assert answer.status_code in ((200,) if known else (200, 404)), place
            answered = person.get(f"/api/v1{item_url(resource.name, object_id)}")
            assert answered.status_code == answer.status_code, place


@pytest.mark.parametrize("who", WHO, ids=lambda who: f"{who[0]}-{who[1]}")
def test_verbs(who: tuple[Role, str], world: World) -> None:
    """The form is there for whoever holds the permission and sees the object; nobody else gets form or act."""
    person = world.person(who)
    token = person.token()
    for resource in resources().values():
        for verb in resource.verbs:
            if verb.on is On.ITEM:
                paths = [
                    (item_url(resource.name, one, verb.name), unit)
                    for one, unit in world.objects[resource.name]
                ]
            else:
                paths = [(item_url(resource.name, "-", verb.name), "")]
            if verb.bulk and not _held(world, person, verb):
                assert person.post(item_url(resource.name, "-", "bulk", verb.name), token).status_code == 403
            for path, unit in paths:
                _try_verb(world, person, verb, path, unit, token)


def _try_verb(world: World, person: Person, verb: Verb, path: str, unit: str, token: str) -> None:
    form = person.get(path)
    assert person.post(path).status_code == 400, path  # without the form's token
    if not _held(world, person, verb) or (unit and not _sees(world, person, unit)):
        assert form.status_code in (403, 404), path
        assert person.post(path, token).status_code in (403, 404), path
    else:
        assert form.status_code in (200, 403, 404, 409), path


@pytest.mark.parametrize("who", WHO, ids=lambda who: f"{who[0]}-{who[1]}")
def test_files(who: tuple[Role, str], world: World) -> None:
    person = world.person(who)
    for resource in resources().values():
        for one in resource.downloads:
            for object_id, unit in world.objects[resource.name] if one.on is On.ITEM else [("-", "")]:
                path = item_url(resource.name, object_id, "download", one.name)
                answer = person.get(path)
                if not world.app.floor.access.allows(person.principal, one.permission) or (
                    unit and not _sees(world, person, unit)
                ):
                    answered = person.get(f"/api/v1{item_url(resource.name, object_id, one.name)}")
                    assert {answer.status_code, answered.status_code} <= {403, 404}, path
                else:
                    # what concerns every unit is for the topmost one alone
                    whole = (403,) if one.on is On.LIST else ()
                    assert answer.status_code in (200, 404, 409, 503, *whole), path


def test_every_other_page_needs_a_session(world: World) -> None:
    """Whatever is not public sends to the sign-in page, or refuses."""
    flask = world.people[WHO[0]].client.application
    nobody = flask.test_client()
    for rule in flask.url_map.iter_rules():
        if getattr(flask.view_functions[rule.endpoint], "public", False) or rule.endpoint == "static":
            continue
        path = re.sub(r"<[^>]+>", "x", rule.rule)
        for method in rule.methods & {"GET", "POST"}:
            answer = nobody.open(path, base_url=BASE, method=method)
            assert answer.status_code in (303, 400, 401), f"{method} {path}"
            if answer.status_code == 303:
                assert answer.location.startswith(("/sign-in", "/setup")), path


@pytest.mark.parametrize("name", sorted(resources()))
def test_a_list_page_takes_few_queries(name: str, world: World) -> None:
    """At most twelve statements a request, session and menu among them, whatever the number of rows."""
    resource = resources()[name]
    person = next(world.people[who] for who in WHO if _held(world, world.people[who], resource))
    person.get(list_url(name))  # what a process loads once
    with counting(world.app.floor.database) as asked:
        assert person.get(list_url(name)).status_code == 200
    assert len(asked) <= 12, "\n".join(asked)
