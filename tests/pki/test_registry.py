"""The registry: who is who, who may say so, and that it only goes forward."""

import base64
import json
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519

from pki import encoding, profile
from pki.approval import SigningKey, tree_bytes
from pki.contents import CentreEntry, Contents
from pki.errors import KeystoreError, PkiError
from pki.names import mint_name
from pki.registry import Registry, RegistryFile
from pki.statement import sign_contents
from tests.fakes.authority import DONG_NAI, THREE_TIERS, FakeFederation, small_federation


@pytest.fixture
def land(tmp_path: Path) -> FakeFederation:
    return small_federation(tmp_path, centres=THREE_TIERS)


def refused(call, *arguments, **named) -> PkiError:
    with pytest.raises(PkiError) as caught:
        call(*arguments, **named)
    return caught.value


def signers(land: FakeFederation) -> tuple[SigningKey, SigningKey]:
    """The federation's two real signers."""
    folder = land.folder / "authority"
    return SigningKey.load(folder, "registry.key"), SigningKey.load(folder / "second-signer")


def signed(land: FakeFederation, contents: Contents) -> bytes:
    """Signs whatever it is given with the federation's real keys, its tree with both."""
    first, second = signers(land)
    return sign_contents(contents, first, (first.approve(contents), second.approve(contents)))


def centres(land: FakeFederation, *changed: CentreEntry) -> Contents:
    """The present registry as a next version, with centres changed or added."""
    contents = land.registry.contents
    by_name = {one.name: one for one in contents.centres} | {one.name: one for one in changed}
    fresh = replace(contents, version=contents.version + 1, centres=tuple(by_name.values()))
    changed = tree_bytes(fresh) != tree_bytes(contents)
    return replace(fresh, tree_version=contents.tree_version + 1) if changed else fresh


def test_the_tree_of_the_demo(tmp_path: Path) -> None:
    land = small_federation(tmp_path, centres=DONG_NAI)
    registry, name = land.registry, land.name
    assert registry.by_code("26374").title == "COC phường Tam Phước"
    assert registry.centre(name("731")).tier == "oc"
    assert registry.parent_of(name("26374")) == name("731")
    assert registry.parent_of(name("75")) is None
    assert registry.parent_of("n-aaaaaaaaaaaaaaaa.lienthong.internal") is None
    assert set(registry.children_of(name("731"))) == {name("26374"), name("26377")}
    assert registry.children_of(name("26374")) == ()
    assert registry.is_descendant(name("26374"), name("75"))
    assert registry.is_descendant(name("26374"), name("731"))
    assert not registry.is_descendant(name("26374"), name("735"))
    assert not registry.is_descendant(name("26374"), name("26374"))
    assert not registry.is_descendant(name("75"), name("26374"))
    assert len(registry.centres) == 7
    assert all(one.state == "active" and one.until is None for one in registry.centres)


def test_keys_of_every_centre_and_of_no_other(land: FakeFederation) -> None:
    keystore = land.keystore("26374")
    key = land.registry.public_key(keystore.name, keystore.key_id)
    assert key is not None
    key.verify(keystore.sign(b"message"), b"message")
    assert land.registry.certificate(keystore.name, keystore.key_id) == keystore.sign_certificate
    assert land.registry.public_key(land.name("731"), keystore.key_id) is None
    assert land.registry.public_key(keystore.name, b"\0" * 32) is None


def test_keys_of_the_past_are_found(land: FakeFederation) -> None:
    """Replaced keys, and those of a centre that has left."""
    old = land.keystore("26374")
    new = land.enrol("26374")
    land.now += timedelta(days=400)
    land.authority.revoke(old.name, land.now)
    registry = land.registry
    entry = registry.centre(old.name)
    assert (entry.state, entry.until) == ("revoked", land.now)
    assert registry.public_key(old.name, old.key_id) is not None
    assert registry.public_key(old.name, new.key_id) is not None
    assert registry.children_of(land.name("731")) == ()
    assert registry.parent_of(old.name) == land.name("731")


def test_a_code_that_is_used_again_means_its_present_bearer(land: FakeFederation) -> None:
    old = land.name("26374")
    assert refused(land.authority.plan, "26374", "COC khác", "coc", land.name("731"), land.now).code == "CODE_TAKEN"
    land.authority.revoke(old, land.now)
    assert land.registry.by_code("26374").name == old
    new = land.plan("26374", "COC phường Tam Phước mới", "coc", "731")
    assert land.registry.by_code("26374").name == new


def test_what_cannot_be_planned(land: FakeFederation) -> None:
    plan = land.authority.plan
    assert refused(plan, "76", "Tỉnh thứ hai", "ioc", None, land.now).code == "PARENT_ABSENT"
    assert refused(plan, "1", "COC", "coc", mint_name(), land.now).code == "PARENT_UNKNOWN"
    assert refused(plan, "", "COC", "coc", land.name("731"), land.now).code == "INCOMPLETE"
    assert refused(land.authority.revoke, land.name("731"), land.now).code == "HAS_CHILDREN"
    assert refused(land.authority.revoke, mint_name(), land.now).code == "UNKNOWN_CENTRE"


def test_registry_of_another_federation(land: FakeFederation, tmp_path: Path) -> None:
    other = small_federation(tmp_path / "other", centres=THREE_TIERS, foreign=True)
    assert refused(Registry.verified, other.authority.registry_raw, land.root_pem).code == "BAD_REGISTRY"
    assert refused(land.registry_file("731").offer, other.authority.registry_raw).code == "BAD_REGISTRY"


def test_registry_signed_by_another_key(land: FakeFederation) -> None:
    """Keys that the federation itself certified, for other uses, and one that nobody certified."""
    own = ed25519.Ed25519PrivateKey.generate()
    contents, (first, second) = centres(land), signers(land)
    approvals = (first.approve(contents), second.approve(contents))
    forged = sign_contents(contents, SigningKey(key=own, delegation=first.delegation), approvals)
    assert refused(Registry.verified, forged, land.root_pem).reason == (
        "the registry's signature does not fit its content"
    )
    commune = land.keystore("26374")
    sign_certificate = encoding.from_der(commune.sign_certificate, "sign.pem")
    by_issuing = profile.delegation_certificate(own.public_key(), land.issuing_signer(), land.now)
    for key, certificate in ((commune._sign_key, sign_certificate), (own, by_issuing)):
        raw = sign_contents(contents, SigningKey(key=key, delegation=certificate), approvals)
        assert refused(Registry.verified, raw, land.root_pem).code == "BAD_REGISTRY"


def test_a_stolen_registry_key_forges_nobodys_records(land: FakeFederation, tmp_path: Path) -> None:
    """It can sign a list, but each sign certificate in it must come from the issuing CA and name its bearer."""
    entry = land.registry.centre(land.name("26374"))
    other = small_federation(tmp_path / "other", centres=THREE_TIERS, foreign=True)
    sibling = land.keystore("731").sign_certificate
    auth = encoding.der(x509.load_pem_x509_certificate(land.keystore("26374").tls_chain_pem))
    for certificate, code in (
        (other.keystore("26374").sign_certificate, "BAD_CHAIN"),
        (sibling, "BAD_SAN"),
        (auth, "BAD_CHAIN"),
        (b"\0", "UNREADABLE"),
    ):
        changed = replace(entry, sign_certificates=(*entry.sign_certificates, certificate))
        assert refused(Registry.verified, signed(land, centres(land, changed)), land.root_pem).code == code
    foreign = replace(land.registry.contents, issuing=other.registry.issuing_certificates)
    assert refused(Registry.verified, signed(land, foreign), land.root_pem).code == "BAD_CHAIN"


def test_a_certificate_for_another_use_signs_no_records(land: FakeFederation) -> None:
    """An Ed25519 certificate of the real issuing CA, with the right name, for TLS."""
    entry, signer = land.registry.centre(land.name("26374")), land.issuing_signer()
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    for_links = encoding.der(profile.auth_certificate(key, entry.name, signer, land.now))
    changed = replace(entry, sign_certificates=(for_links,))
    assert refused(Registry.verified, signed(land, centres(land, changed)), land.root_pem).code == "BAD_CHAIN"


def test_impossible_trees(land: FakeFederation) -> None:
    entry = land.registry.centre(land.name("26374"))
    for changed in (
        replace(entry, parent=mint_name()),
        replace(entry, parent=entry.name),
        replace(entry, name="*.lienthong.internal"),
        replace(entry, name="n-AAAAAAAAAAAAAAAA.lienthong.internal"),
        replace(entry, state="emperor"),
    ):
        raw = signed(land, centres(land, changed))
        assert refused(Registry.verified, raw, land.root_pem).code == "BAD_REGISTRY"
    twice = replace(land.registry.contents, centres=(*land.registry.centres, entry))
    assert refused(Registry.verified, signed(land, twice), land.root_pem).code == "BAD_REGISTRY"


def test_only_forward(land: FakeFederation) -> None:
    file = RegistryFile(land.home("731") / "keys" / "registry.signed", land.root_pem, lambda: land.now)
    first = file.current.raw
    seen: list[int] = []
    file.listen(lambda registry: seen.append(registry.version))
    land.plan("25993", "COC phường Trảng Dài", "coc", "731")
    newer = land.authority.registry_raw
    assert file.offer(newer) is True
    assert file.offer(newer) is False
    assert file.offer(first) is False
    assert file.current.raw == newer
    assert seen == [file.current.version]
    again = RegistryFile(land.home("731") / "keys" / "registry.signed", land.root_pem, lambda: land.now)
    assert again.current.raw == newer


def test_two_registries_of_one_version(land: FakeFederation) -> None:
    file = land.registry_file("731")
    entry = land.registry.centre(land.name("26374"))
    contents = replace(centres(land, replace(entry, title="COC khác")), version=land.registry.version)
    before = file.current.raw
    assert refused(file.offer, signed(land, contents)).code == "FORK"
    assert file.current.raw == before


def test_registry_from_the_future(land: FakeFederation) -> None:
    file = land.registry_file("731")
    late = replace(centres(land), issued_at=land.now + timedelta(days=2))
    assert refused(file.offer, signed(land, late)).code == "NOT_YET"
    soon = replace(centres(land), issued_at=land.now + timedelta(hours=2))
    assert file.offer(signed(land, soon)) is True


def test_delegation_that_had_ended_when_it_signed(land: FakeFederation) -> None:
    late = replace(centres(land), issued_at=land.now + profile.ISSUING_LIFE + timedelta(days=1))
    assert refused(Registry.verified, signed(land, late), land.root_pem).code == "EXPIRED"


def test_the_copy_on_disk_is_private(land: FakeFederation) -> None:
    path = land.home("731") / "keys" / "registry.signed"
    file = land.registry_file("731")
    land.plan("25993", "COC phường Trảng Dài", "coc", "731")
    file.offer(land.authority.registry_raw)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir() if one.name.startswith(".")] == []
    path.chmod(0o644)
    with pytest.raises(KeystoreError):
        RegistryFile(path, land.root_pem, lambda: land.now)


def test_a_full_disk_keeps_the_old_registry(land: FakeFederation, monkeypatch: pytest.MonkeyPatch) -> None:
    file = land.registry_file("731")
    before = file.current
    land.plan("25993", "COC phường Trảng Dài", "coc", "731")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        file.offer(land.authority.registry_raw)
    monkeypatch.undo()
    assert file.current is before
    path = land.home("731") / "keys" / "registry.signed"
    assert path.read_bytes() == before.raw
    assert file.offer(land.authority.registry_raw) is True


def test_damaged_registries_are_refusals(land: FakeFederation) -> None:
    raw = land.authority.registry_raw
    dice = random.Random(11)  # noqa: S311 - repeatable damage, no secret
    for _ in range(300):
        damaged = bytearray(raw)
        damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        try:
            registry = Registry.verified(bytes(damaged), land.root_pem)
        except PkiError:
            continue
        assert registry.contents == land.registry.contents  # a byte that carries no meaning
    for other in (b"", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 50_000, raw[:-1], raw + b"x"):
        assert refused(Registry.verified, other, land.root_pem).code == "BAD_REGISTRY"
    assert refused(Registry.verified, b" " * (9 << 20), land.root_pem).code == "BAD_REGISTRY"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", "x"),
        ("issued_at", "2025-06-01T00:00:00"),
        ("centres", {}),
        ("centres", [1]),
        ("format", 1),
        ("expires_at", None),
        ("tree_version", "x"),
        ("denied", [[1]]),
        ("sealing", 7),
    ],
)
def test_malformed_contents_with_a_true_signature(land: FakeFederation, field: str, value: object) -> None:
    folder = land.folder / "authority"
    key = encoding.ed25519_key((folder / "registry.key").read_bytes(), "registry.key")
    envelope = json.loads(land.authority.registry_raw)
    payload = json.loads(base64.b64decode(envelope["payload"])) | {field: value}
    content = json.dumps(payload).encode()
    envelope["payload"] = base64.b64encode(content).decode()
    envelope["signature"] = base64.b64encode(key.sign(b"lienthong.registry.v1\0" + content)).decode()
    raw = json.dumps(envelope).encode()
    code = "TOO_FEW_SIGNERS" if (field, value) == ("centres", {}) else "BAD_REGISTRY"
    assert refused(Registry.verified, raw, land.root_pem).code == code
