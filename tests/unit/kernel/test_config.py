"""Settings: file, variables and secret files, validated whole; what is wrong is named, its value is not."""

from pathlib import Path

import pytest

from kernel.config import CONFIG_VARIABLE, SECRETS_VARIABLE, load_settings
from kernel.errors import Invalid


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (CONFIG_VARIABLE, SECRETS_VARIABLE, "WEICHENG_DATABASE_URL", "WEICHENG_EVENTS_URL"):
        monkeypatch.delenv(name, raising=False)


def test_a_secret_is_a_file_named_like_its_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "database_url").write_text("postgresql+psycopg://weicheng:s3cret@db/weicheng\n")
    (tmp_path / "signer__passphrase").write_text("correct horse")
    (tmp_path / "of_another_program").write_text("not ours")
    monkeypatch.setenv(SECRETS_VARIABLE, str(tmp_path))
    settings = load_settings()
    assert settings.database == "postgresql+psycopg://weicheng:s3cret@db/weicheng"
    assert settings.signer.passphrase is not None
    assert settings.signer.passphrase.get_secret_value() == "correct horse"
    assert "correct horse" not in repr(settings)


def test_a_secret_file_outranks_a_variable_and_that_the_settings_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "weicheng.toml"
    file.write_text('database_url = "sqlite:///file"\nevents_url = "http://file:9200"\n')
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "database_url").write_text("sqlite:///secret")
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))
    monkeypatch.setenv(SECRETS_VARIABLE, str(secrets))
    monkeypatch.setenv("WEICHENG_DATABASE_URL", "sqlite:///variable")
    monkeypatch.setenv("WEICHENG_EVENTS_URL", "http://variable:9200")
    settings = load_settings()
    assert settings.database == "sqlite:///secret"
    assert settings.events == "http://variable:9200"


def test_sections_of_the_file_variables_and_secret_files_add_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "weicheng.toml"
    file.write_text('[signer]\nsocket = "/run/weicheng/signer.sock"\n[web]\nport = 9443\n')
    (tmp_path / "signer__passphrase").write_text("correct horse")
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))
    monkeypatch.setenv(SECRETS_VARIABLE, str(tmp_path))
    monkeypatch.setenv("WEICHENG_WEB__THREADS", "4")
    settings = load_settings()
    assert settings.signer.socket == Path("/run/weicheng/signer.sock")
    assert settings.signer.passphrase is not None
    assert (settings.web.port, settings.web.threads) == (9443, 4)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("databse_url = 'x'", "databse_url"),
        ("[web]\nport = 70000", "web.port"),
        ("[retention]\nevents_days = 90", "retention.events_days"),
    ],
)
def test_a_wrong_entry_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, place: str
) -> None:
    file = tmp_path / "weicheng.toml"
    file.write_text(text)
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))
    with pytest.raises(Invalid) as caught:
        load_settings()
    assert place in caught.value.text("en")
    assert "weicheng config check" in caught.value.text("en")


def test_a_file_that_is_no_toml_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "weicheng.toml"
    file.write_text("[web\n")
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))
    with pytest.raises(Invalid, match="TOML"):
        load_settings()


@pytest.mark.parametrize("variable", [CONFIG_VARIABLE, SECRETS_VARIABLE])
def test_a_path_that_leads_nowhere_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "absent"))
    with pytest.raises(Invalid) as caught:
        load_settings()
    assert "absent" in caught.value.text("en")
    assert variable in caught.value.text("en")
