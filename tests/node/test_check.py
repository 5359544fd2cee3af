"""What `check` and `serve` say about settings, variables and databases that cannot be used: sentences, all together."""

import os

import pytest
from typer.testing import CliRunner

from node.cli import app
from tests.node.conftest import MODULES, TERRITORY, write_settings
from tests.node.test_serve import found, join, node


@pytest.fixture
def folder(tmp_path):
    tmp_path.chmod(0o700)
    return tmp_path


def test_check_looks_at_modules_and_environment_also_where_the_node_is_wrong(folder, monkeypatch):
    monkeypatch.setenv("LIENTHONG_FAILPOINT", "database.before_comit:kill")
    monkeypatch.setenv("LIENTHONG_NOD__CODE", "1")
    monkeypatch.setenv("LIENTHONG_CONFIG", "of the command line")
    (folder / "node.toml").write_text(
        f'[node]\ntier = "coc"\nfolder = "."\n[territory]\nfile = "{TERRITORY}"\n'
        '[modules]\nenabled = ["citzen", "citizen"]\n[modules.citizen]\nidentity_days = "many"\n',
        "utf-8",
    )
    for command in ("check", "serve"):
        done = node(command, "--config", folder / "node.toml", check=False)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        if command == "serve":
            assert "LIENTHONG_FAILPOINT: there is no failpoint 'database.before_comit'" in done.stderr
            monkeypatch.delenv("LIENTHONG_FAILPOINT")
            done = node(command, "--config", folder / "node.toml", check=False)
        else:
            assert "LIENTHONG_FAILPOINT: there is no failpoint" in done.stderr
        for wanted in (
            "node.code: is missing",
            "there is no module citzen; did you mean citizen?",
            "modules.citizen.identity_days:",
            "LIENTHONG_NOD__CODE: is read by nothing; did you mean node?",
        ):
            assert wanted in done.stderr, (command, done.stderr)
        assert "LIENTHONG_CONFIG" not in done.stderr


def test_modules_are_listed_with_what_is_still_to_do(folder, monkeypatch):
    file = write_settings(folder, more='[modules]\nenabled = ["citizen"]\n')
    said = CliRunner().invoke(app, ["modules", "--config", str(file)]).output
    assert "on  citizen: Phản ánh hiện trường (gold; for ioc, oc, coc)\n    every rule of its manifest is done" in said
    monkeypatch.setattr("node.commands.serve.MODULES", MODULES)
    said = CliRunner().invoke(app, ["modules", "--config", str(file)]).output
    assert "off sample: Mô-đun mẫu (bronze; for oc, coc)\n    still to do: works_without_parent, jobs_bounded" in said


@pytest.mark.timeout(120)
def test_a_damaged_or_emptied_database_is_said_in_one_sentence(folder):
    ioc, _, _ = found(folder)
    join(ioc, ioc)
    ioc.run("migrate")
    database = ioc.folder / "node.db"
    whole = database.read_bytes()
    halfway = whole[: len(whole) // 2 // 4096 * 4096] + os.urandom(len(whole) - len(whole) // 2 // 4096 * 4096)
    for content, command, said in (
        (b"", "check", "is empty, although this centre has keys"),
        (b"", "serve", "is empty, although this centre has keys"),
        (os.urandom(len(whole)), "check", "is damaged and cannot be used as a database (file is not a database)"),
        (os.urandom(len(whole)), "serve", "is damaged and cannot be used as a database (file is not a database)"),
        (os.urandom(len(whole)), "migrate", "is damaged and cannot be used as a database (file is not a database)"),
        (halfway, "check", "is damaged and cannot be used as a database"),
    ):
        for beside in ("node.db-wal", "node.db-shm"):
            (ioc.folder / beside).unlink(missing_ok=True)
        database.write_bytes(content)
        refused = ioc.run(command, check=False)
        assert refused.returncode == 1, (command, said)
        assert len(refused.stderr.splitlines()) == 1, refused.stderr
        assert str(database) in refused.stderr
        assert said in refused.stderr
        assert "put the last backup back" in refused.stderr
        assert database.read_bytes() == content
    database.write_bytes(whole)
    ioc.run("check")
