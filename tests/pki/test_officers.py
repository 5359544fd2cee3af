"""What a province's officers do by commands: two signers, the spare, copies of keys, and how keys rest."""

import os
import shutil
from pathlib import Path

import pytest

from tests.pki.province import Province


@pytest.fixture
def province(tmp_path: Path) -> Province:
    return Province(tmp_path)


def test_two_people_change_the_tree(province: Province) -> None:
    """Two officers: one at the authority, the other with a folder on a stick, and a file between them."""
    folder, config, file = province.folder, ("--config", province.config), province.folder / "proposal"
    province.type("pki", "root", "--folder", folder / "root", "--title", "Tỉnh Đồng Nai")
    apart = ("--second-signer", folder / "stick")
    said = province.type("pki", "issuing", "--root", folder / "root", "--folder", folder / "authority", *apart)
    assert "belongs to another person" in said
    assert "Nothing waits" in province.type("pki", "proposal", *config)
    plan = ("pki", "plan", *config, "75", "--title", "IOC tỉnh Đồng Nai", "--tier", "ioc")
    assert "takes two signers" in province.type(*plan)
    below = ("pki", "plan", *config, "731", "--title", "OC thành phố Biên Hòa", "--tier", "oc", "--parent", "75")
    assert "takes two signers" in province.type(*below)
    assert "NOT_PLANNED" in province.type("pki", "token", *config, "75", code=1)
    shown = province.type("pki", "proposal", *config, "--out", file)
    assert "TOO_FEW_SIGNERS" in province.type("pki", "publish", *config, file, code=1)
    province.type("pki", "sign", file, "--signer", folder / "stick", stdin="n\n", code=1)
    signed = province.type("pki", "sign", file, "--signer", folder / "stick", stdin="y\n")
    fingerprint = next(line for line in shown.splitlines() if line.startswith("Fingerprint"))
    assert fingerprint in signed
    assert "+ OC thành phố Biên Hòa (731, oc) joins below IOC tỉnh Đồng Nai (75)" in signed
    assert "In force" in province.type("pki", "publish", *config, file)
    province.type("pki", "token", *config, "75")
    province.type("pki", "plan", *config, "735", "--title", "x", "--tier", "oc", "--parent", "75")
    assert "forgotten" in province.type("pki", "proposal", *config, "--withdraw")


def test_a_spare_takes_over_by_command(province: Province) -> None:
    province.found()
    config = ("--config", province.config)
    old = province.folder / "old.pem"
    old.write_bytes((province.folder / "authority" / "issuing.pem").read_bytes())
    province.type("pki", "spare", "--root", province.folder / "root", "--folder", province.folder / "spare")
    assert "certifies from now on" in province.type("pki", "adopt-spare", *config, "--spare", province.folder / "spare")
    assert "UNKNOWN_ISSUER" in province.type("pki", "deny", *config, "--certificate", old, code=1)
    assert "on the deny-list" in province.type("pki", "deny", *config, "--certificate", old, "--root")
    assert "tree 3; 1 certificates denied" in province.type("pki", "registry", "show", *config)
    province.type("enrol", *config, "--token-file", province.token())


def test_keys_are_copied_and_put_back(province: Province) -> None:
    """The passphrase comes through a descriptor, as a script would hand it over."""
    province.found()
    config, copy, authority = (
        ("--config", province.config),
        province.folder / "copy",
        province.folder / "authority.copy",
    )
    province.type("enrol", *config, "--token-file", province.token())

    def with_words(*words: str | Path, say: bytes = b"a long enough passphrase\n", code: int = 0) -> str:
        reading, writing = os.pipe()
        os.write(writing, say)
        os.close(writing)
        try:
            return province.type(*words, "--passphrase-fd", str(reading), code=code)
        finally:
            os.close(reading)

    assert "at least 12" in with_words("pki", "keys", "export", *config, "--out", copy, say=b"short\n", code=1)
    with_words("pki", "keys", "export", *config, "--out", copy)
    with_words("pki", "keys", "export", *config, "--authority", "--out", authority)
    assert copy.stat().st_mode & 0o077 == 0
    back = ("pki", "keys", "import", *config, copy)
    assert "EXISTS" in with_words(*back, code=1)
    assert "passphrase is wrong" in with_words(*back, "--replace", say=b"quite another one\n", code=1)
    assert "keys of a centre" in with_words(*back, "--replace", "--authority", code=1)
    shutil.rmtree(province.folder / "ioc" / "keys")
    assert "with registry version" in with_words(*back)
    assert "in order" in province.type("pki", "check", *config)
    shutil.rmtree(province.folder / "authority")
    said = with_words("pki", "keys", "import", *config, authority, "--authority")
    assert "registry.signed" in said
    province.type("pki", "plan", *config, "731", "--title", "OC", "--tier", "oc", "--parent", "75")


def test_keys_rest_encrypted(province: Province) -> None:
    province.found()
    config, words = ("--config", province.config), province.folder / "words"
    province.type("enrol", *config, "--token-file", province.token())
    words.write_text("a long enough passphrase\n")
    words.chmod(0o644)
    assert "KEYS_WIDE" in province.type("pki", "keys", "lock", *config, "--passphrase-file", words, code=1)
    words.chmod(0o600)
    assert "are encrypted" in province.type("pki", "keys", "lock", *config, "--passphrase-file", words)
    assert "in order" in province.type("pki", "check", *config)
    assert "no longer encrypted" in province.type("pki", "keys", "unlock", *config)
