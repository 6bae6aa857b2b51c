"""The application check of restore drills, where it has to say that it can not be held by itself."""

import json
from pathlib import Path
from types import SimpleNamespace

from click.testing import CliRunner

from console.commands.drill import _key_file, commands
from kernel.config import Settings


def test_keys_that_officers_hold_are_told_not_to_be_proved_by_a_drill_alone(tmp_path: Path) -> None:
    database, keys = tmp_path / "database", tmp_path / "keys"
    database.mkdir()
    keys.mkdir()
    for name in ("signer.keys", "signer.activation"):
        (keys / name).write_text("{}")
    app = SimpleNamespace(settings=Settings(data_dir=tmp_path, signer={"passphrase": "a-long-passphrase"}))
    done = CliRunner().invoke(
        commands, ["ca", "--database", str(database), "--keys", str(keys)], obj=app, standalone_mode=False
    )
    answer = json.loads(done.stdout)
    assert done.return_value == 1
    assert answer["ok"] is False
    assert "hsm.md" in answer["said"]


def test_drills_know_every_record_that_the_signer_keeps_beside_its_keys(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    keys = settings.signer_keys
    beside = {
        path
        for name, one in vars(Settings).items()
        if isinstance(one, property) and isinstance(path := getattr(settings, name), Path)
        if path.parent == keys.parent and path != keys
    }
    assert beside == set(settings.signer_records)
    keys.parent.mkdir()
    for path in (keys, *beside):
        path.touch()
    assert _key_file(keys.parent) == keys
