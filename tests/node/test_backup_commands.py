"""The commands of backups as a person types them, with a node at rest."""

import json

import pytest
from typer.testing import CliRunner

from node.cli import app
from tests.fakes.authority import THREE_TIERS, small_federation
from tests.fakes.ports import free_port
from tests.simulation.test_over_grpc import settings_of


def run(*words, status=0):
    ran = CliRunner().invoke(app, [str(word) for word in words])
    assert ran.exit_code == status, (words, ran.output)
    return ran.stdout if status == 0 else ran.stderr


def last(text):
    return json.loads(text.strip().splitlines()[-1])


@pytest.fixture
def home(tmp_path):
    """A district with a key for its backups."""
    federation = small_federation(tmp_path, centres=THREE_TIERS)
    federation.registry_file("731")
    ports = {"75": free_port(), "731": free_port()}
    settings_of(federation, THREE_TIERS[1], ports)
    section = run("backup", "key", "--out", tmp_path / "backup.key")
    file = federation.home("731") / "node.toml"
    http = f'\n[http]\nlisten = "127.0.0.1:{free_port()}"\n'
    file.write_text(f"{file.read_text('utf-8')}{http}{section}", "utf-8")
    run("migrate", "--config", file)
    return file


def test_a_node_at_rest_is_backed_up_tried_and_put_back(home, tmp_path) -> None:
    key, to, folder = tmp_path / "backup.key", tmp_path / "monday", home.parent
    assert "counts once it was tried" in run("backup", "make", "--to", to, "--config", home)
    assert [json.loads(line)["safe"] for line in run("backup", "list", "--config", home).splitlines()] == [False]
    assert last(run("backup", "verify", to, "--key", key, "--config", home))["ok"]
    assert [json.loads(line)["safe"] for line in run("backup", "list", "--config", home).splitlines()] == [True, True]
    assert to.with_name("monday.verdict").exists()
    said = last(run("restore", "from", to, "--key", key, "--into", folder))
    assert len(said["unsettled"]) == 2
    assert said["old_files"].startswith(str(folder / "before-restore-"))
    for peer in said["unsettled"]:
        run("restore", "settle", peer, "--config", home)
    assert last(run("restore", "show", "--config", home))["unsettled"] == []


def test_what_is_wrong_is_said_in_a_sentence(home, tmp_path) -> None:
    key, to = tmp_path / "backup.key", tmp_path / "monday"
    assert "exists" in run("backup", "key", "--out", key, status=1)
    assert "no such file" in run("restore", "from", to, "--key", key, "--into", home.parent, status=1)
    assert f"{to}: there is no such file or folder" in run(
        "backup", "verify", to, "--key", key, "--config", home, status=1
    )
    assert "name the backup and its key" in run("backup", "verify", "--config", home, status=1)
    to.write_bytes(b"something else")
    assert "no backup of a centre" in run("backup", "verify", to, "--key", key, "--config", home, status=1)
    key.chmod(0o644)
    to.unlink()
    run("backup", "make", "--to", to, "--config", home)
    assert "mode 0644" in run("backup", "verify", to, "--key", key, "--config", home, status=1)
    own = f"sqlite:///{home.parent / 'node.db'}"
    assert "not this node's own" in run("backup", "verify", "--database", own, "--config", home, status=1)


def test_without_a_recipient_the_command_says_how_to_get_one(home, tmp_path, monkeypatch) -> None:
    bare = home.with_name("bare.toml")
    bare.write_text(home.read_text("utf-8").partition("[backup]")[0], "utf-8")
    words = run("backup", "make", "--to", tmp_path / "x", "--config", bare, status=1)
    assert "python -m node backup key --out backup.key" in words
    assert "LIENTHONG_BACKUP__RECIPIENT=" in words
    line = run("backup", "key", "--out", tmp_path / "other.key").splitlines()[-1]
    monkeypatch.setenv("LIENTHONG_BACKUP__RECIPIENT", line.partition('"')[2].strip('"'))
    assert json.loads(run("backup", "make", "--to", tmp_path / "x", "--config", bare))["file"] == str(tmp_path / "x")
