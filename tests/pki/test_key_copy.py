"""Keys are copied apart from the database, come back with the newest registry, and may rest encrypted."""

import dataclasses
from pathlib import Path

import pytest

from pki import encoding, key_copy, locked_keys
from pki.approval import SigningKey
from pki.authority import Authority
from pki.errors import PkiError
from pki.founding import create_spare
from pki.keystore import Keystore
from pki.registry import Registry
from pki.statement import sign_contents
from tests.fakes.authority import THREE_TIERS, FakeFederation, small_federation

WORDS = b"a long enough passphrase"


@pytest.fixture
def land(tmp_path: Path) -> FakeFederation:
    return small_federation(tmp_path, centres=THREE_TIERS)


def refused(call, *arguments, **named) -> str:
    with pytest.raises(PkiError) as caught:
        call(*arguments, **named)
    return caught.value.code


def same(one: Keystore, other: Keystore) -> bool:
    return (one.name, one.key_id, one.tls_key_pem) == (other.name, other.key_id, other.tls_key_pem)


def keys_of(land: FakeFederation, code: str = "731") -> Path:
    return land.home(code) / "keys"


def test_there_and_back(land: FakeFederation, tmp_path: Path) -> None:
    before = land.keystore("731")
    raw = key_copy.seal_folder(keys_of(land), WORDS)
    assert b"PRIVATE" not in raw
    assert b"PRIVATE" in key_copy.open_copy(raw, WORDS)["sign.key"]
    (tmp_path / "new").mkdir(mode=0o700)
    version = key_copy.put_back(key_copy.open_copy(raw, WORDS), tmp_path / "new" / "keys")
    back = Keystore.load(tmp_path / "new" / "keys")
    assert (back.name, back.key_id, back.tls_key_pem) == (before.name, before.key_id, before.tls_key_pem)
    assert version == Registry.verified(back.registry_path.read_bytes(), back.root_pem).version
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["keys"]


def test_every_byte_counts(land: FakeFederation) -> None:
    raw = key_copy.seal_folder(keys_of(land), WORDS)
    for place in (0, len(key_copy.MAGIC), len(key_copy.MAGIC) + 10, len(raw) // 2, len(raw) - 1):
        damaged = bytearray(raw)
        damaged[place] ^= 1
        assert refused(key_copy.open_copy, bytes(damaged), WORDS) == "BAD_COPY"
    assert refused(key_copy.open_copy, raw, b"another passphrase") == "BAD_COPY"
    assert refused(key_copy.open_copy, raw[:-1], WORDS) == "BAD_COPY"
    assert refused(key_copy.open_copy, b"", WORDS) == "BAD_COPY"


def test_an_old_copy_does_not_bring_an_old_registry(land: FakeFederation) -> None:
    """The commune was revoked after the copy was made; the folder that is replaced has seen that."""
    raw = key_copy.seal_folder(keys_of(land), WORDS)
    land.authority.revoke(land.name("26374"), land.now)
    land.registry_file("731")
    version = key_copy.put_back(key_copy.open_copy(raw, WORDS), keys_of(land))
    assert version == land.registry.version
    assert land.registry_file("731").current.centre(land.name("26374")).state == "revoked"


def test_on_a_bare_machine_the_newest_comes_from_another_node(land: FakeFederation, tmp_path: Path) -> None:
    raw = key_copy.seal_folder(land.folder / "authority", WORDS)
    land.authority.revoke(land.name("26374"), land.now)
    newest = land.registry_file("731").current.raw
    (tmp_path / "bare").mkdir(mode=0o700)
    folder = tmp_path / "bare" / "authority"
    assert key_copy.put_back(key_copy.open_copy(raw, WORDS), folder, newest) == land.registry.version
    authority = Authority.load(folder)
    assert authority.refresh(land.now.replace(year=land.now.year + 1))
    assert authority.registry.centre(land.name("26374")).state == "revoked"
    # The second signer's key is another person's: no copy of the authority holds it.
    assert not (folder / "second-signer").exists()


def test_a_copy_of_another_federation(land: FakeFederation, tmp_path: Path) -> None:
    other = small_federation(tmp_path / "other", centres=THREE_TIERS, foreign=True)
    files = key_copy.open_copy(key_copy.seal_folder(keys_of(other), WORDS), WORDS)
    before = land.keystore("731")
    assert refused(key_copy.put_back, files, keys_of(land)) == "WRONG_ROOT"
    assert refused(key_copy.put_back, files, tmp_path / "x", land.authority.registry_raw) == "BAD_REGISTRY"
    assert same(land.keystore("731"), before)


def test_an_open_folder_is_not_copied(land: FakeFederation) -> None:
    (keys_of(land) / "sign.key").chmod(0o640)
    assert refused(key_copy.seal_folder, keys_of(land), WORDS) == "KEYS_WIDE"


def test_keys_that_rest_encrypted(land: FakeFederation, tmp_path: Path) -> None:
    before, words = land.keystore("731"), tmp_path / "credential"
    words.write_bytes(WORDS + b"\n")
    words.chmod(0o600)
    locked_keys.lock(keys_of(land), words)
    for name in ("tls.key", "sign.key"):
        assert b"ENCRYPTED" in (keys_of(land) / name).read_bytes()
    opened = land.keystore("731")
    assert opened.key_id == before.key_id
    assert b"ENCRYPTED" not in opened.tls_key_pem
    assert opened.sign(b"x") == before.sign(b"x")
    words.rename(tmp_path / "away")
    assert refused(Keystore.load, keys_of(land)) == "KEYS_ABSENT"
    words.write_bytes(b"not the passphrase at all\n")
    words.chmod(0o600)
    assert refused(Keystore.load, keys_of(land)) == "KEYS_LOCKED"
    words.chmod(0o644)
    assert refused(Keystore.load, keys_of(land)) == "KEYS_WIDE"
    (tmp_path / "away").rename(words)
    locked_keys.unlock(keys_of(land))
    assert same(land.keystore("731"), before)
    assert refused(locked_keys.unlock, keys_of(land)) == "UNLOCKED"


def test_a_power_cut_while_the_keys_are_locked(
    land: FakeFederation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the first key and the second: the node starts all the same, and unlocking finishes."""
    before, words = land.keystore("731"), tmp_path / "credential"
    words.write_bytes(WORDS)
    words.chmod(0o600)

    def cut(path: Path, content: bytes) -> None:
        if path.name == "sign.key":
            raise OSError("no power")
        real(path, content)

    real = locked_keys.write_private
    monkeypatch.setattr(locked_keys, "write_private", cut)
    with pytest.raises(OSError, match="no power"):
        locked_keys.lock(keys_of(land), words)
    monkeypatch.undo()
    assert land.keystore("731").key_id == before.key_id
    locked_keys.unlock(keys_of(land))
    assert same(land.keystore("731"), before)


def test_a_passphrase_beside_the_keys_protects_nothing(land: FakeFederation) -> None:
    words = keys_of(land) / "words"
    words.write_bytes(WORDS)
    words.chmod(0o600)
    assert refused(locked_keys.lock, keys_of(land), words) == "PASSPHRASE"


def test_the_spare_takes_over_and_the_old_ones_are_believed_until_denied(land: FakeFederation, tmp_path: Path) -> None:
    create_spare(land.folder / "root", tmp_path / "spare", now=land.now, passphrase=None)
    old = land.authority.issuing.certificate
    file = land.registry_file("731")
    assert land.authority.adopt_spare(tmp_path / "spare", land.now)
    assert file.offer(land.authority.registry_raw)
    new = encoding.from_pem((tmp_path / "spare" / "issuing.pem").read_bytes(), "spare")
    assert land.authority.issuing.certificate == new
    assert Authority.load(land.folder / "authority").issuing.certificate == new
    assert not list((land.folder / "authority").glob("next.*"))
    joined = land.join("25993", "COC phường Trảng Dài", "coc", "731")
    assert encoding.is_signed_by(encoding.from_pem(joined.tls_chain_pem, "tls"), new)
    land.gate.admit(joined.tls_chain_pem, land.now)
    land.gate.admit(land.keystore("26374").tls_chain_pem, land.now)
    land.authority.deny(file.current.root_key, old.serial_number, old.not_valid_after_utc, land.now)
    assert refused(land.gate.admit, land.keystore("26374").tls_chain_pem, land.now) == "DENIED"
    land.gate.admit(joined.tls_chain_pem, land.now)


def test_a_spare_of_another_federation_and_one_that_was_not_adopted(land: FakeFederation, tmp_path: Path) -> None:
    other = small_federation(tmp_path / "other", centres=THREE_TIERS, foreign=True)
    create_spare(other.folder / "root", tmp_path / "foreign", now=land.now)
    assert refused(land.authority.adopt_spare, tmp_path / "foreign", land.now) == "WRONG_ROOT"
    (land.folder / "authority" / "second-signer").rename(tmp_path / "second")
    create_spare(land.folder / "root", tmp_path / "spare", now=land.now)
    before = land.authority.issuing.certificate
    assert not land.authority.adopt_spare(tmp_path / "spare", land.now)
    assert land.authority.issuing.certificate == before


def test_a_newest_registry_that_takes_something_back_is_not_put_there(land: FakeFederation) -> None:
    """Both real signers, a higher version, and a revocation undone: the folder has seen the revocation."""
    raw = key_copy.seal_folder(keys_of(land), WORDS)
    before = land.registry.contents
    land.authority.revoke(land.name("26374"), land.now)
    land.registry_file("731")
    folder = land.folder / "authority"
    first, second = SigningKey.load(folder, "registry.key"), SigningKey.load(folder / "second-signer")
    undone = dataclasses.replace(before, version=land.registry.version + 1)
    newest = sign_contents(undone, first, (first.approve(undone), second.approve(undone)))
    assert refused(key_copy.put_back, key_copy.open_copy(raw, WORDS), keys_of(land), newest) == "TAKEN_BACK"
    assert land.registry_file("731").current.centre(land.name("26374")).state == "revoked"
    assert sorted(one.name for one in land.home("731").iterdir()) == ["keys"]
