"""The node's side of the line is opened for its own user, or for a group that the settings name."""

import grp
import os

import pytest

from node.serving import PortError, _listen_for_intake
from node.settings import Settings
from tests.node.intake.stage import TERRITORY


def settings(folder, more):
    file = folder / "node.toml"
    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    file.write_text(
        f'[node]\ntier = "coc"\ncode = "26374"\ntitle = "COC"\nfolder = "data"\n[territory]\nfile = "{TERRITORY}"\n'
        f'[intake]\nlisten = "127.0.0.1:8002"\n{more}',
        "utf-8",
    )
    return Settings.load(file)


def test_by_default_only_the_nodes_own_user_may_open_it(tmp_path):
    found = settings(tmp_path, "")
    with _listen_for_intake(found):
        assert found.counter == tmp_path / "data" / "intake.sock"
        assert found.counter.stat().st_mode & 0o777 == 0o600


def test_a_group_of_the_settings_may_open_it_too(tmp_path):
    group = grp.getgrgid(os.getgid()).gr_name
    found = settings(tmp_path, f'socket = "here.sock"\nsocket_group = "{group}"\n')
    with _listen_for_intake(found):
        assert found.counter == tmp_path / "here.sock"
        assert found.counter.stat().st_mode & 0o777 == 0o660


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('socket_group = "no-such-group"\n', r"intake\.socket_group: there is no group no-such-group"),
        ('socket = "no/such/folder.sock"\n', r"intake\.socket: .* cannot be opened"),
    ],
)
def test_what_cannot_be_opened_is_a_sentence(tmp_path, more, words):
    with pytest.raises(PortError, match=words):
        _listen_for_intake(settings(tmp_path, more))
