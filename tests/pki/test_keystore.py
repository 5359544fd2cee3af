"""Keys that others could read, or that do not fit together, start no node."""

import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from pki import profile
from pki.authority import Authority
from pki.diagnose import diagnose
from pki.errors import KeystoreError, PkiError
from pki.founding import create_issuing, create_root
from pki.keystore import FILES, Keystore
from pki.private_file import check_private, make_private_folder, write_private
from pki.registry import Registry
from tests.fakes.authority import DONG_NAI, THREE_TIERS, FakeFederation, real_now, small_federation


@pytest.fixture
def land(tmp_path: Path) -> FakeFederation:
    return small_federation(tmp_path, centres=THREE_TIERS)


def load_refused(folder: Path) -> KeystoreError:
    with pytest.raises(KeystoreError) as caught:
        Keystore.load(folder)
    return caught.value


def test_everything_that_was_written_is_closed(land: FakeFederation) -> None:
    for path in [land.folder / "root", *(land.folder / "root").rglob("*"), *(land.folder / "authority").rglob("*")]:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
    keys = land.home("26374") / "keys"
    assert sorted(path.name for path in keys.iterdir()) == sorted(FILES)
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.iterdir()} == {0o600}


def test_a_wide_umask_opens_nothing(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_private_folder(tmp_path / "folder")
        write_private(tmp_path / "folder" / "file", b"x")
        check_private(tmp_path / "folder")
        check_private(tmp_path / "folder" / "file")
    finally:
        os.umask(before)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o610])
def test_a_file_that_others_may_read(land: FakeFederation, name: str, mode: int) -> None:
    keys = land.home("26374") / "keys"
    (keys / name).chmod(mode)
    error = load_refused(keys)
    assert error.code == "KEYS_WIDE"
    assert f"chmod 0600 {keys / name}" in error.reason


def test_a_folder_that_others_may_enter(land: FakeFederation) -> None:
    keys = land.home("26374") / "keys"
    keys.chmod(0o750)
    assert "chmod 0700" in load_refused(keys).reason
    authority = land.folder / "authority"
    (authority / "issuing.key").chmod(0o640)
    with pytest.raises(KeystoreError):
        Authority.load(authority)


def test_links_are_not_followed(land: FakeFederation, tmp_path: Path) -> None:
    keys = land.home("26374") / "keys"
    elsewhere = tmp_path / "elsewhere"
    (keys / "sign.key").rename(elsewhere)
    (keys / "sign.key").symlink_to(elsewhere)
    assert load_refused(keys).code == "KEYS_WIDE"


def test_keys_that_are_absent(land: FakeFederation, tmp_path: Path) -> None:
    assert not Keystore.exists(tmp_path / "nowhere")
    assert load_refused(tmp_path / "nowhere").code == "KEYS_ABSENT"
    keys = land.home("26374") / "keys"
    assert Keystore.exists(keys)
    (keys / "sign.key").unlink()
    assert load_refused(keys).code == "KEYS_ABSENT"


@pytest.mark.parametrize("name", ["tls.key", "tls.pem", "sign.key", "sign.pem", "identity.json"])
def test_a_file_of_another_centre(land: FakeFederation, name: str) -> None:
    """Each file is a good one of a sibling."""
    keys = land.home("26374") / "keys"
    write_private(keys / name, (land.home("731") / "keys" / name).read_bytes())
    assert load_refused(keys).code == "KEYS_DAMAGED"


@pytest.mark.parametrize("name", ["tls.key", "tls.pem", "sign.key", "sign.pem", "issuing.pem", "identity.json"])
def test_a_damaged_file(land: FakeFederation, name: str) -> None:
    keys = land.home("26374") / "keys"
    write_private(keys / name, b"damaged")
    assert load_refused(keys).code == "KEYS_DAMAGED"


def test_secrets_are_in_no_representation(land: FakeFederation) -> None:
    keystore = land.keystore("26374")
    secret = keystore.tls_key_pem.decode().splitlines()[1]
    assert secret not in repr(keystore)
    assert "Ed25519PrivateKey" not in repr(keystore)


def test_nothing_to_say_about_a_healthy_node(land: FakeFederation) -> None:
    assert diagnose(land.keystore("26374"), land.now, land.registry) == []
    assert diagnose(land.keystore("26374"), land.now) == []
    assert diagnose(land.keystore("75"), land.now, land.registry) == []


def test_expired(land: FakeFederation) -> None:
    found = diagnose(land.keystore("26374"), land.now + profile.AUTH_LIFE + timedelta(days=1), land.registry)
    assert len(found) == 1
    assert "the TLS certificate expired on" in found[0]
    assert "clock" in found[0]
    assert len(diagnose(land.keystore("26374"), land.now + 2 * profile.SIGN_LIFE, land.registry)) == 2


def test_clock_in_the_past(land: FakeFederation) -> None:
    assert "valid only from" in diagnose(land.keystore("26374"), land.now - timedelta(days=3650), land.registry)[0]


def test_wrong_root(land: FakeFederation, tmp_path: Path) -> None:
    other = small_federation(tmp_path / "other", centres=THREE_TIERS, foreign=True)
    keys = land.home("26374") / "keys"
    write_private(keys / "root.pem", other.root_pem)
    assert any("wrong root" in line for line in diagnose(Keystore.load(keys), land.now, land.registry))
    assert "registry cannot be used" in diagnose(Keystore.load(keys), land.now)[0]


def test_unknown_revoked_and_replaced(land: FakeFederation, tmp_path: Path) -> None:
    other = small_federation(tmp_path / "other", centres=DONG_NAI[:1], foreign=True)
    keystore = land.keystore("26374")
    assert "does not know" in diagnose(keystore, land.now, other.registry)[0]
    land.enrol("26374")
    assert "another key" in diagnose(keystore, land.now, land.registry)[0]
    land.authority.revoke(keystore.name, land.now)
    assert "was revoked" in diagnose(keystore, land.now, land.registry)[0]


def test_parent_that_has_not_enrolled(land: FakeFederation) -> None:
    land.plan("735", "OC huyện Vĩnh Cửu", "oc", "75")
    land.join("26173", "COC xã Phú Lý", "coc", "735")
    assert "is planned in the registry" in diagnose(land.keystore("26173"), land.now, land.registry)[0]


def test_a_registry_that_is_absent(land: FakeFederation) -> None:
    keystore = land.keystore("26374")
    keystore.registry_path.unlink()
    assert "registry cannot be used" in diagnose(keystore, land.now)[0]


def test_two_roots_never_share_a_folder(land: FakeFederation) -> None:
    with pytest.raises(PkiError) as caught:
        create_root(land.folder / "root", title="another", now=land.now)
    assert caught.value.code == "EXISTS"
    with pytest.raises(PkiError) as caught:
        create_issuing(land.folder / "root", land.folder / "authority", now=land.now)
    assert caught.value.code == "EXISTS"


def test_the_roots_key_may_be_locked(tmp_path: Path) -> None:
    now = real_now()
    create_root(tmp_path / "root", title="x", now=now, passphrase=b"long enough")
    for wrong in (None, b"another"):
        with pytest.raises(PkiError) as caught:
            create_issuing(tmp_path / "root", tmp_path / "authority", now=now, passphrase=wrong)
        assert caught.value.code == "UNREADABLE"
    authority = create_issuing(tmp_path / "root", tmp_path / "authority", now=now, passphrase=b"long enough")
    assert Registry.verified(authority.registry_raw, authority.root_pem).version == 1
    assert not (tmp_path / "authority" / "root.key").exists()
