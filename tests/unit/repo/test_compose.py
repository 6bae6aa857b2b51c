"""docker-compose.yml: valid by Docker's own schema, and as safe as it promises, without an engine."""

import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from kernel.config import load_settings
from tests.support.plugin import lacking

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "docker-compose.yml"
OURS = {"web", "enrol", "worker", "collector", "ocsp", "signer", "migrate"}
STORES = {"postgres", "elasticsearch"}


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def services(composed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = composed["services"]
    return found


def compose_config(file: Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("docker-compose")
    if program is None:
        lacking("docker-compose is missing: apt-get install --no-install-recommends docker-compose")
    command = [program, "--file", str(file), "config", "--quiet"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_docker_compose_accepts_the_file() -> None:
    done = compose_config(FILE)
    assert done.returncode == 0, done.stderr


def test_no_service_can_take_the_whole_machine(services: dict[str, dict[str, Any]]) -> None:
    assert [name for name, service in services.items() if not 0 < service.get("pids_limit", 0) <= 4096] == []


def test_docker_compose_would_refuse_a_wrong_one(tmp_path: Path) -> None:
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(FILE.read_text(encoding="utf-8").replace("healthcheck:", "healthchek:", 1))
    done = compose_config(broken)
    assert done.returncode != 0
    assert "healthchek" in done.stderr


def test_every_part_of_the_house_is_there(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == OURS | STORES


def test_every_lasting_service_has_a_health_check(services: dict[str, dict[str, Any]]) -> None:
    lasting = {name for name, service in services.items() if service["restart"] != "no"}
    assert {name for name in services if services[name].get("healthcheck", {}).get("test")} == lasting


def test_every_service_is_hardened(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] or name == "elasticsearch", name
        assert "privileged" not in service, name
        assert service.get("user") or name == "elasticsearch", name  # its image steps down by itself


def test_the_signer_has_no_network_and_alone_has_the_keys(services: dict[str, dict[str, Any]]) -> None:
    assert services["signer"]["network_mode"] == "none"
    assert "networks" not in services["signer"]
    assert "ports" not in services["signer"]
    holders = {
        name for name, service in services.items() if "signer__passphrase" in service.get("secrets", [])
    }
    mounts = {
        name for name, service in services.items() if any(v.startswith("keys:") for v in service["volumes"])
    }
    assert holders == mounts == {"signer"}


def test_only_what_prepares_signatures_has_the_secret_to_ask_for_them(
    services: dict[str, dict[str, Any]],
) -> None:
    holders = {
        name for name, service in services.items() if "signer__token_key" in service.get("secrets", [])
    }
    assert holders == {"signer", "web", "enrol", "worker"}


def test_clients_of_the_signer_can_not_change_its_socket_folder(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for volume in service["volumes"]:
            if volume.startswith("signer-socket:") and name != "signer":
                assert volume.endswith(":ro"), name


def test_the_stores_can_not_be_reached_from_outside(
    composed: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    assert composed["networks"]["internal"]["internal"] is True
    for name in STORES:
        assert services[name]["networks"] == ["internal"]
        assert "ports" not in services[name]


def test_the_collector_sees_neither_data_nor_signer(services: dict[str, dict[str, Any]]) -> None:
    mounted = {volume.split(":")[0] for volume in services["collector"]["volumes"]}
    assert mounted.isdisjoint({"data", "keys", "signer-socket"})


def test_what_is_exposed_and_changes_nothing_writes_nothing(services: dict[str, dict[str, Any]]) -> None:
    assert all(volume.endswith(":ro") for volume in services["ocsp"]["volumes"])


def test_no_password_stands_in_the_file(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            if "PASSWORD" in variable.upper() or "PASSPHRASE" in variable.upper():
                assert variable.endswith("_FILE"), name
                assert value.startswith("/run/secrets/"), name


def test_every_secret_is_declared_and_used(
    composed: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    used = {secret for service in services.values() for secret in service.get("secrets", [])}
    assert used == set(composed["secrets"])
    assert all(secret["file"].startswith("deploy/secrets/") for secret in composed["secrets"].values())


def test_every_volume_is_declared_and_used(
    composed: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    mounted = {volume.split(":")[0] for service in services.values() for volume in service["volumes"]}
    assert {name for name in mounted if not name.startswith("./")} == set(composed["volumes"])


def test_the_settings_inside_the_containers_are_right(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    subprocess.run([str(ROOT / "deploy" / "make-secrets.sh"), str(tmp_path)], check=True, capture_output=True)
    for path in tmp_path.iterdir():
        path.chmod(0o600)
    monkeypatch.setenv("WEICHENG_CONFIG", str(ROOT / "deploy" / "weicheng.toml"))
    monkeypatch.setenv("WEICHENG_SECRETS_DIR", str(tmp_path))
    settings = load_settings()
    assert settings.database.startswith("postgresql+psycopg://weicheng:")
    assert settings.events.startswith("http://elastic:")
    assert settings.signer.passphrase is not None
    assert settings.signer_socket == Path("/run/weicheng/signer.sock")  # on the volume that clients share


def test_each_published_port_is_one_that_the_part_listens_on(services: dict[str, dict[str, Any]]) -> None:
    settings = load_settings()
    inside = {
        name: {int(p.split("/")[0].split(":")[1]) for p in services[name].get("ports", [])} for name in OURS
    }
    collector = settings.collector
    assert inside["web"] == {settings.web.port}
    assert inside["ocsp"] == {settings.status.port}
    assert inside["enrol"] == {settings.enrol.port}
    assert inside["collector"] == {
        collector.udp_port,
        collector.tcp_port,
        collector.tls_port,
        collector.trap_port,
    }


def test_secret_files_are_made_once_random_and_private(composed: dict[str, Any], tmp_path: Path) -> None:
    def make(folder: Path) -> dict[str, str]:
        subprocess.run(
            [str(ROOT / "deploy" / "make-secrets.sh"), str(folder)], check=True, capture_output=True
        )
        return {path.name: path.read_text() for path in folder.iterdir()}

    first, again, other = make(tmp_path / "a"), make(tmp_path / "a"), make(tmp_path / "b")
    assert set(first) == set(composed["secrets"])
    assert again == first
    assert all(other[name] != value for name, value in first.items())
    assert all(len(value) >= 32 for value in first.values())
    assert first["postgres_password"] in first["database_url"]
    for path in (tmp_path / "a").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o400
        assert path.stat().st_uid != 0 or os.geteuid() != 0


@pytest.mark.parametrize("service", sorted(OURS))
def test_the_command_of_each_service_exists(services: dict[str, dict[str, Any]], service: str) -> None:
    from console.main import root

    program, *words = services[service]["command"]
    assert program == "weicheng"
    command: click.Command = root
    context = click.Context(command, info_name="weicheng")
    for word in words:
        assert isinstance(command, click.Group)
        found = command.get_command(context, word)
        assert found is not None, f"weicheng {' '.join(words)}"
        command = found
    assert not isinstance(command, click.Group)
