"""A small federation in a temporary folder, enrolled through the real code, and the means to forge against it.

    federation = small_federation(tmp_path)             # IOC 75, OC 731 and 735, four COCs
    keystore = federation.keystore("26374")             # Keystore, already loaded
    file = federation.registry_file("731")              # RegistryFile of that node
    federation.name("75"), federation.registry, federation.root_pem, federation.authority
    chain, key = federation.forged_chain(names=[x509.DNSName("*.lienthong.internal")])   # validly signed but wrong

Every centre gets `<folder>/<code>/` with `keys/` inside, as a node has it.
"""

import atexit
import datetime as dt
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki import encoding, enrol, names, profile
from pki.authority import Authority
from pki.contents import CentreEntry
from pki.enrol_token import parse_token
from pki.founding import create_issuing, create_root
from pki.gate import Gate
from pki.keystore import Keystore
from pki.registry import Registry, RegistryFile

# (code, title, tier, code of the parent)
DONG_NAI = (
    ("75", "IOC tỉnh Đồng Nai", "ioc", None),
    ("731", "OC thành phố Biên Hòa", "oc", "75"),
    ("735", "OC huyện Vĩnh Cửu", "oc", "75"),
    ("26374", "COC phường Tam Phước", "coc", "731"),
    ("26377", "COC phường Phước Tân", "coc", "731"),
    ("26173", "COC xã Phú Lý", "coc", "735"),
    ("26179", "COC xã Tân An", "coc", "735"),
)
THREE_TIERS = (DONG_NAI[0], DONG_NAI[1], DONG_NAI[3])


def real_now() -> dt.datetime:
    """The computer's time: TLS stacks take no other, so certificates of a live link must be valid now."""
    return dt.datetime.now(dt.UTC)


@dataclass(kw_only=True)
class FakeFederation:
    """Folders and keys of a whole federation; `enrol` adds a further centre."""

    folder: Path
    now: dt.datetime
    authority: Authority
    names: dict[str, str] = field(default_factory=dict)

    @property
    def root_pem(self) -> bytes:
        return self.authority.root_pem

    @property
    def registry(self) -> Registry:
        return self.authority.registry

    @property
    def gate(self) -> Gate:
        return Gate(self.root_pem, lambda: self.authority.registry)

    def name(self, code: str) -> str:
        return self.names[code]

    def home(self, code: str) -> Path:
        return self.folder / code

    def keystore(self, code: str) -> Keystore:
        return Keystore.load(self.home(code) / "keys")

    def registry_file(self, code: str) -> RegistryFile:
        """The node's own copy, brought up to the newest version."""
        file = RegistryFile(self.home(code) / "keys" / "registry.signed", self.root_pem, lambda: self.now)
        file.offer(self.authority.registry_raw)
        return file

    def plan(self, code: str, title: str, tier: str, parent: str | None) -> str:
        """Plans a centre below the parent's code and gives its registry name."""
        parent_name = self.names[parent] if parent else None
        self.names[code] = self.authority.plan(code, title, tier, parent_name, self.now).name
        return self.names[code]

    def enrol(self, code: str) -> Keystore:
        """Enrols a planned centre as it does itself: token, sealed request, answer."""
        token = parse_token(self.authority.issue_token(code, self.now, replace_keys=code in self._enrolled()))
        attempt = enrol.begin(token, enrol.offer_of(self.authority.registry, self.root_pem), self.now)
        answer = self.authority.enrol(attempt.sealed_request, self.now)
        self.home(code).mkdir(mode=0o700, exist_ok=True)
        return enrol.finish(attempt, answer, self.home(code) / "keys", self.now)

    def join(self, code: str, title: str, tier: str, parent: str | None) -> Keystore:
        self.plan(code, title, tier, parent)
        return self.enrol(code)

    def join_many(self, centres: Iterable[tuple[str, str, str, str]]) -> None:
        """As `join` for each, with one new registry for all of them: a hundred centres take a second, not a minute."""
        signer = self.issuing_signer()
        found: list[tuple[CentreEntry, dict[str, bytes]]] = []
        for code, title, tier, parent in centres:
            tls_key, sign_key = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
            name = self.names[code] = names.mint_name()
            auth = profile.auth_certificate(tls_key.public_key(), name, signer, self.now)
            sign = profile.sign_certificate(sign_key.public_key(), name, signer, self.now)
            entry = CentreEntry(
                name=name,
                code=code,
                title=title,
                tier=tier,
                parent=self.names[parent],
                state="active",
                since=self.now,
                sign_certificates=(encoding.der(sign),),
                auth_keys=(encoding.spki_sha256(tls_key.public_key()),),
            )
            issuing = encoding.pem(signer.certificate)
            keys = {
                "tls.key": encoding.key_pem(tls_key),
                "tls.pem": encoding.pem(auth) + issuing,
                "sign.key": encoding.key_pem(sign_key),
                "sign.pem": encoding.pem(sign),
                "root.pem": self.root_pem,
                "issuing.pem": issuing,
                "identity.json": json.dumps({"name": name, "code": code, "tier": tier}).encode(),
            }
            found.append((entry, keys))
        before = self.registry
        centres = (*before.centres, *(entry for entry, _ in found))
        self.authority._change_tree(before, replace(before.contents, centres=centres), self.now)
        raw = self.authority.registry_raw
        for entry, keys in found:
            folder = self.home(entry.code) / "keys"
            folder.mkdir(mode=0o700, parents=True)
            self.home(entry.code).chmod(0o700)
            for name, content in {**keys, "registry.signed": raw}.items():
                (folder / name).write_bytes(content)
                (folder / name).chmod(0o600)

    def issuing_signer(self) -> profile.Signer:
        """The real issuing CA, for tests that forge: everything it signs is validly signed."""
        folder = self.folder / "authority"
        return profile.Signer(
            certificate=encoding.from_pem((folder / "issuing.pem").read_bytes(), "issuing"),
            key=encoding.ec_key((folder / "issuing.key").read_bytes(), "issuing"),
        )

    def forged_chain(
        self,
        *,
        names: Sequence[x509.GeneralName],
        uses: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH),
        key: ec.EllipticCurvePrivateKey | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        authority: bool = False,
    ) -> tuple[bytes, bytes]:
        """A TLS chain and its key (PEM), signed by the real issuing CA over whatever names and uses are asked for."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        signer = self.issuing_signer()
        draft = profile._draft(
            profile._subject("forged"),
            signer.certificate.subject,
            key.public_key(),
            since or self.now,
            until or (self.now + profile.AUTH_LIFE),
        )
        above = signer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        draft = draft.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above), critical=False
        )
        draft = draft.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        draft = draft.add_extension(
            profile._usage("key_cert_sign" if authority else "digital_signature"), critical=True
        )
        if uses:
            draft = draft.add_extension(x509.ExtendedKeyUsage(list(uses)), critical=False)
        if names:
            draft = draft.add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
        leaf = draft.sign(signer.key, hashes.SHA256())
        return encoding.pem(leaf) + encoding.pem(signer.certificate), encoding.key_pem(key)

    def _enrolled(self) -> set[str]:
        return {one.code for one in self.authority.registry.centres if one.state == "active"}


def empty_federation(folder: Path, now: dt.datetime | None = None, title: str = "Tỉnh Đồng Nai") -> FakeFederation:
    """Root and authority alone."""
    now = now or real_now()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    create_root(folder / "root", title=title, now=now)
    return FakeFederation(
        folder=folder, now=now, authority=create_issuing(folder / "root", folder / "authority", now=now)
    )


@contextmanager
def unsynced() -> Iterator[None]:
    """Keys made here need not survive a power cut: nobody waits for the disk."""
    with mock.patch("os.fsync"):
        yield


_made: dict[tuple[object, ...], tuple[Path, dt.datetime]] = {}


def small_federation(
    folder: Path,
    now: dt.datetime | None = None,
    centres: Sequence[tuple[str, str, str, str | None]] = DONG_NAI,
    *,
    foreign: bool = False,
) -> FakeFederation:
    """A federation whose centres have all enrolled.

    Whoever asks for the same centres again gets a copy: the same root, names and keys in a folder of its own. A
    `foreign` one has nothing in common with any other.
    """
    asked = (now, tuple(centres))
    if foreign or asked not in _made:
        made = _enrolled(Path(tempfile.mkdtemp(prefix="lt-federation-")), now, centres)
        if not foreign:
            _made[asked] = made
    else:
        made = _made[asked]
    source, since = made
    target = folder / "federation"
    shutil.copytree(source, target, copy_function=shutil.copy)
    authority = Authority.load(target / "authority")
    names = {one.code: one.name for one in authority.registry.centres}
    return FakeFederation(folder=target, now=since, authority=authority, names=names)


def _enrolled(
    folder: Path, now: dt.datetime | None, centres: Sequence[tuple[str, str, str, str | None]]
) -> tuple[Path, dt.datetime]:
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with unsynced():
        federation = empty_federation(folder / "federation", now)
        for code, title, tier, parent in centres:
            federation.plan(code, title, tier, parent)
        for code, *_ in centres:
            federation.enrol(code)
    return federation.folder, federation.now
