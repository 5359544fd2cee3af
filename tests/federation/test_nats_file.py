"""What the nats-server is told, and which subjects belong to whom."""

import json
import stat

import pytest

from federation import nats_server
from federation import nats_subject as subject

ADDRESS = "127.0.0.1:4222"


def test_the_file_names_the_parent_and_its_active_children_and_nobody_else(federation) -> None:
    federation.plan("26377", "COC phường Phước Tân", "coc", "731")
    keystore = federation.keystore("731")
    raw = nats_server.configuration(federation.registry, keystore, ADDRESS)
    content = json.loads(raw)
    users = [one["user"] for one in content["accounts"]["CENTRES"]["users"]]
    assert users == [federation.name("731"), federation.name("26374")]
    keys = [key.hex() for code in ("731", "26374") for key in federation.registry.by_code(code).auth_keys]
    assert content["tls"]["pinned_certs"] == sorted(keys)
    assert content["tls"]["verify_and_map"]
    assert content["max_payload"] == 1 << 20
    assert b"jetstream" not in raw
    assert raw == nats_server.configuration(federation.registry, keystore, ADDRESS)


def test_the_file_is_its_owners_and_is_written_once(tmp_path) -> None:
    file = tmp_path / "nats" / "server.conf"
    assert nats_server.write(file, b"{}")
    assert not nats_server.write(file, b"{}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "wrong",
    ["lienthong.v1.n-aaaaaaaaaaaaaaaa.down.c", "lienthong.v1.x.up.c", "lienthong.v1.n-aaaaaaaaaaaaaaaa.up", "a"],
)
def test_only_upward_subjects_have_a_speaker(wrong) -> None:
    name = "n-aaaaaaaaaaaaaaaa.lienthong.internal"
    assert subject.speaker(subject.up(name, "c")) == (name, "c")
    assert subject.speaker(wrong) is None
