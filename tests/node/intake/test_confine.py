"""What the intake process gave up is gone: for itself, for its threads and for its children."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from node.intake.confine import landlock_version
from node.intake.serving import give_up_rights, readable_folders
from node.intake.settings import DoorSettings
from node.settings import SettingsError
from tests.node.intake.stage import TERRITORY, TOP

needs_landlock = pytest.mark.skipif(landlock_version() == 0, reason="this kernel has no Landlock")

TRY = """
import socket, subprocess, sys, threading
from pathlib import Path
from node.intake.serving import DEVICES, readable_folders
from node.intake.confine import confine
secret, port, wants = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if wants == "confined":
    confine(readable_folders(), DEVICES)
def say(what, do):
    try:
        do()
    except OSError as error:
        print(what, "refused")
    else:
        print(what, "done")
say("read", secret.read_bytes)
say("list", lambda: list(secret.parent.iterdir()))
say("write", lambda: (secret.parent / "new").write_bytes(b"x"))
say("connect", lambda: socket.create_connection(("127.0.0.1", port)).close())
say("bind", lambda: socket.socket().bind(("127.0.0.1", 0)))
say("home", lambda: list(Path(sys.argv[4]).iterdir()))
in_thread = threading.Thread(target=say, args=("thread", secret.read_bytes)); in_thread.start(); in_thread.join()
code = f"print('child', 'done' if open({str(secret)!r}).read() else '')"
done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
print("child", "done" if done.returncode == 0 else "refused" if "PermissionError" in done.stderr else done.stderr)
import modules.citizen.module
print("import done")
"""


def tried(folder, wants):
    secret = folder / "keys" / "sign.key"
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("secret")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        ran = subprocess.run(
            [sys.executable, "-c", TRY, str(secret), str(listener.getsockname()[1]), wants, str(Path.home())],
            cwd=TOP,
            capture_output=True,
            text=True,
            check=True,
        )
    return dict(line.split() for line in ran.stdout.splitlines())


@needs_landlock
def test_it_reads_code_and_nothing_else_writes_nothing_and_connects_to_nobody(tmp_path):
    refused = dict.fromkeys(("read", "list", "write", "connect", "bind", "home", "thread", "child"), "refused")
    assert tried(tmp_path, "confined") == refused | {"import": "done"}


def test_without_that_all_of_it_would_be_done(tmp_path):
    assert set(tried(tmp_path, "free").values()) == {"done"}


def written(where, **more):
    sections = {
        "node": f'tier = "coc"\ncode = "26374"\ntitle = "COC"\nfolder = "{more.pop("folder", ".")}"',
        "territory": f'file = "{TERRITORY}"',
        "intake": 'listen = "127.0.0.1:8002"',
        **more,
    }
    file = where / "node.toml"
    file.write_text("\n".join(f"[{name}]\n{body}" for name, body in sections.items()), "utf-8")
    return file


def test_it_reads_its_own_sections_and_keeps_no_other(tmp_path, monkeypatch):
    monkeypatch.setenv("LIENTHONG_DATABASE__URL", "postgresql+psycopg://a:CANARY@localhost/a")
    settings = DoorSettings.load(written(tmp_path, database='url = "postgresql+psycopg://a:CANARY@localhost/a"'))
    assert "CANARY" not in repr(settings)
    assert settings.socket == tmp_path / "intake.sock"


def test_without_an_address_there_is_nothing_to_serve(tmp_path):
    with pytest.raises(SettingsError, match=r"intake\.listen: is missing"):
        DoorSettings.load(written(tmp_path, intake=""))


def test_a_folder_among_the_code_is_refused(tmp_path):
    settings = DoorSettings.load(written(tmp_path, folder=str(TOP / "node")))
    ran = subprocess.run(
        [sys.executable, "-m", "node", "intake", "--config", str(tmp_path / "node.toml")],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 1
    assert "node.folder: lies inside" in ran.stderr or "modules.enabled" in ran.stderr
    assert settings.node.folder.is_relative_to(readable_folders()[2])
    assert callable(give_up_rights)
