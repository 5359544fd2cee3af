"""One token, one clean certificate: hostile requests, replays, races, and answers that lie."""

import base64
import json
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pki import encoding, enrol, names, profile, request
from pki.authority import Authority
from pki.enrol_token import EnrolToken, new_token, parse_token
from pki.errors import PkiError
from pki.keystore import Keystore
from pki.private_file import read_private
from pki.sealing import seal, unseal
from tests.fakes.authority import THREE_TIERS, FakeFederation, small_federation

CODE = "25993"


@pytest.fixture
def land(tmp_path: Path) -> FakeFederation:
    land = small_federation(tmp_path, centres=THREE_TIERS)
    land.plan(CODE, "COC phường Trảng Dài", "coc", "731")
    return land


def token_of(land: FakeFederation) -> EnrolToken:
    return parse_token(land.authority.issue_token(CODE, land.now))


def offer_of(land: FakeFederation) -> enrol.Offer:
    return enrol.offer_of(land.registry, land.root_pem)


def refused(call, *arguments, **named) -> PkiError:
    with pytest.raises(PkiError) as caught:
        call(*arguments, **named)
    return caught.value


class Newcomer:
    """A newcomer that may lie in any part of its request; honest unless told otherwise."""

    def __init__(self, land: FakeFederation, token: EnrolToken) -> None:
        self.land = land
        self.token = token
        self.auth = ec.generate_private_key(ec.SECP256R1())
        self.sign = ed25519.Ed25519PrivateKey.generate()
        self.reply = x25519.X25519PrivateKey.generate()
        self.body = json.loads(request.encode_request(token, self.auth, self.sign, self.reply.public_key()))

    def put(self, **parts: bytes) -> "Newcomer":
        for name, content in parts.items():
            self.body[name] = base64.b64encode(content).decode()
        return self

    def sealed(self) -> bytes:
        offer = offer_of(self.land)
        key = enrol.check_offer(self.token, offer, self.land.now)
        return seal(json.dumps(self.body).encode(), key, request.request_context(offer.root))

    def enrol(self) -> request.Answer:
        sealed = self.sealed()
        answer = self.land.authority.enrol(sealed, self.land.now)
        return request.decode_answer(unseal(answer, self.reply, request.answer_context(sealed)))


def csr(key, *extensions: x509.ExtensionType, subject: str = "x", digest=None) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    draft = x509.CertificateSigningRequestBuilder().subject_name(name)
    for one in extensions:
        draft = draft.add_extension(one, critical=True)
    hashless = isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return draft.sign(key, None if hashless else digest or hashes.SHA256()).public_bytes(Encoding.DER)


def hostile_wishes() -> dict[str, list[x509.ExtensionType]]:
    return {
        "CA:TRUE": [x509.BasicConstraints(ca=True, path_length=3)],
        "extra name": [x509.SubjectAlternativeName([x509.DNSName(names.mint_name()), x509.DNSName("evil.example")])],
        "wildcard": [x509.SubjectAlternativeName([x509.DNSName("*.lienthong.internal")])],
        "URI": [x509.SubjectAlternativeName([x509.UniformResourceIdentifier("spiffe://x/admin")])],
        "name constraints": [x509.NameConstraints([x509.DNSName("")], None)],
        "signing of certificates": [profile._usage("key_cert_sign", "crl_sign")],
        "any use": [x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, profile.USE_REGISTRY])],
        "unknown critical": [x509.UnrecognizedExtension(x509.ObjectIdentifier("2.25.99"), b"\x05\x00")],
        "all at once": [
            x509.BasicConstraints(ca=True, path_length=None),
            x509.SubjectAlternativeName([x509.DNSName("*.lienthong.internal")]),
            profile._usage("key_cert_sign"),
        ],
    }


@pytest.mark.parametrize("wish", sorted(hostile_wishes()))
def test_what_a_request_asks_for_is_not_read(land: FakeFederation, wish: str) -> None:
    """The keys are certified, under the planned name and with our extensions only."""
    newcomer = Newcomer(land, token_of(land))
    wishes = hostile_wishes()[wish]
    newcomer.put(auth_request=csr(newcomer.auth, *wishes, subject="*.lienthong.internal"))
    newcomer.put(sign_request=csr(newcomer.sign, *wishes, subject=land.name("75")))
    answer = newcomer.enrol()
    clean = Newcomer(land, new_token(b"\0" * 32, None))
    for content, key, model in (
        (
            answer.auth,
            newcomer.auth,
            profile.auth_certificate(clean.auth.public_key(), land.name(CODE), land.issuing_signer(), land.now),
        ),
        (
            answer.sign,
            newcomer.sign,
            profile.sign_certificate(clean.sign.public_key(), land.name(CODE), land.issuing_signer(), land.now),
        ),
    ):
        certificate = x509.load_pem_x509_certificate(content)
        assert certificate.public_key() == key.public_key()
        assert names.centre_name(certificate) == land.name(CODE)
        assert certificate.subject == model.subject
        own = {one.oid: one.value for one in certificate.extensions if one.oid != x509.SubjectKeyIdentifier.oid}
        assert own == {one.oid: one.value for one in model.extensions if one.oid != x509.SubjectKeyIdentifier.oid}
        assert certificate.not_valid_after_utc <= land.now + profile.SIGN_LIFE


def other_auth_requests() -> dict[str, bytes]:
    p256 = ec.generate_private_key(ec.SECP256R1())
    good = bytearray(csr(p256))
    good[-3] ^= 1
    sha1_free = csr(p256, digest=hashes.SHA512())
    return {
        "RSA": csr(rsa.generate_private_key(65537, 2048)),
        "P-384": csr(ec.generate_private_key(ec.SECP384R1())),
        "secp256k1": csr(ec.generate_private_key(ec.SECP256K1())),
        "Ed25519": csr(ed25519.Ed25519PrivateKey.generate()),
        "Ed448": csr(ed448.Ed448PrivateKey.generate()),
        "signature broken": bytes(good),
        "signature cut": csr(p256)[:-4],
        "bytes after the end": csr(p256) + b"\0",
        "huge": csr(p256, x509.SubjectAlternativeName([x509.DNSName(f"a{n}.example") for n in range(1000)])),
        "empty": b"",
        "a certificate": b"0\x82\x01\x00" + b"\0" * 256,
        "another key, proven for itself": sha1_free,
    }


@pytest.mark.parametrize("kind", sorted(other_auth_requests()))
def test_other_keys_and_broken_requests_are_refused(land: FakeFederation, kind: str) -> None:
    token = token_of(land)
    newcomer = Newcomer(land, token).put(auth_request=other_auth_requests()[kind])
    assert refused(newcomer.enrol).code in {"BAD_CSR", "BAD_REQUEST"}
    assert land.registry.centre(land.name(CODE)).state == "planned"
    # A refused request does not cost the token.
    assert Newcomer(land, token).enrol().identity["code"] == CODE


def test_the_sign_key_is_an_ed25519_key(land: FakeFederation) -> None:
    for key in (ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)):
        newcomer = Newcomer(land, token_of(land)).put(sign_request=csr(key))
        assert refused(newcomer.enrol).code == "BAD_CSR"


def test_somebody_elses_public_key_is_not_enrolled(land: FakeFederation) -> None:
    """The request for a certificate of another newcomer, taken from its wire, with the thief's own token."""
    victim = Newcomer(land, token_of(land))
    for part in ("auth_request", "sign_request"):
        thief = Newcomer(land, token_of(land))
        thief.body[part] = victim.body[part]
        assert refused(thief.enrol).code == "BAD_REQUEST"
    thief = Newcomer(land, token_of(land))
    for part in ("auth_request", "sign_request", "auth_proof", "sign_proof"):
        thief.body[part] = victim.body[part]
    assert refused(thief.enrol).code == "BAD_REQUEST"


def test_a_stolen_sign_request_beside_an_own_tls_key(land: FakeFederation) -> None:
    """The thief proves its own TLS key over the victim's sign key; only the proof by the sign key itself is missing."""
    victim, thief = Newcomer(land, token_of(land)), Newcomer(land, token_of(land))
    thief.body["sign_request"] = victim.body["sign_request"]
    transcript = request._transcript(
        thief.token.secret, thief.auth.public_key(), victim.sign.public_key(), thief.reply.public_key()
    )
    thief.put(auth_proof=thief.auth.sign(transcript, ec.ECDSA(hashes.SHA256())), sign_proof=thief.sign.sign(transcript))
    assert refused(thief.enrol).code == "BAD_REQUEST"
    assert land.registry.centre(land.name(CODE)).state == "planned"


def test_a_request_must_be_signed_by_its_own_key(land: FakeFederation) -> None:
    for part in ("auth_request", "sign_request"):
        newcomer = Newcomer(land, token_of(land))
        broken = bytearray(base64.b64decode(newcomer.body[part]))
        broken[-2] ^= 1
        assert refused(newcomer.put(**{part: bytes(broken)}).enrol).code == "BAD_CSR"


def test_keys_in_use_are_not_certified_again(land: FakeFederation) -> None:
    member = land.keystore("26374")
    newcomer = Newcomer(land, token_of(land))
    auth = encoding.ec_key(member.tls_key_pem, "tls.key")
    newcomer.body = json.loads(request.encode_request(newcomer.token, auth, newcomer.sign, newcomer.reply.public_key()))
    assert refused(newcomer.enrol).code == "KEY_REUSED"
    newcomer.body = json.loads(
        request.encode_request(newcomer.token, newcomer.auth, member._sign_key, newcomer.reply.public_key())
    )
    assert refused(newcomer.enrol).code == "KEY_REUSED"


def test_a_token_works_once(land: FakeFederation) -> None:
    token = token_of(land)
    Newcomer(land, token).enrol()
    assert refused(Newcomer(land, token).enrol).code == "TOKEN_USED"
    assert len(land.registry.centre(land.name(CODE)).sign_certificates) == 1


def test_the_same_bytes_again_give_the_same_answer_and_nothing_new(land: FakeFederation) -> None:
    """What a relay or a wire-tapper can replay helps nobody: no second certificate, and only the sender can read it."""
    newcomer = Newcomer(land, token_of(land))
    sealed = newcomer.sealed()
    first = land.authority.enrol(sealed, land.now)
    version = land.registry.version
    assert land.authority.enrol(sealed, land.now) == first
    assert land.registry.version == version
    stranger = x25519.X25519PrivateKey.generate()
    assert refused(unseal, first, stranger, request.answer_context(sealed)).code == "UNSEALABLE"
    assert refused(land.authority.enrol, sealed, land.now + timedelta(days=3)).code == "TOKEN_UNKNOWN"


def test_race_of_many_with_one_token(land: FakeFederation) -> None:
    """Two offices, two processes' worth of handles on one folder, eight newcomers: one wins."""
    token = token_of(land)
    offices = [land.authority, Authority.load(land.folder / "authority")]
    requests = [Newcomer(land, token).sealed() for _ in range(8)]
    start, results = threading.Barrier(8), []

    def run(number: int) -> None:
        start.wait()
        try:
            offices[number % 2].enrol(requests[number], land.now)
            results.append("enrolled")
        except PkiError as error:
            results.append(error.code)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(results) == ["TOKEN_USED"] * 7 + ["enrolled"]
    assert len(land.registry.centre(land.name(CODE)).sign_certificates) == 1


def test_token_ends_after_a_day(land: FakeFederation) -> None:
    token = token_of(land)
    sealed = Newcomer(land, token).sealed()
    assert refused(land.authority.enrol, sealed, land.now + timedelta(hours=24)).code == "TOKEN_EXPIRED"
    land.authority.enrol(sealed, land.now + timedelta(hours=24) - timedelta(seconds=1))


def test_a_newer_token_voids_the_older(land: FakeFederation) -> None:
    older, newer = token_of(land), token_of(land)
    assert refused(Newcomer(land, older).enrol).code == "TOKEN_UNKNOWN"
    assert Newcomer(land, newer).enrol().identity["code"] == CODE


def test_an_invented_token(land: FakeFederation) -> None:
    invented = new_token(token_of(land).root_sha256, land.name("731"))
    assert refused(Newcomer(land, invented).enrol).code == "TOKEN_UNKNOWN"


def test_a_token_is_bound_to_its_centre(land: FakeFederation) -> None:
    """Whoever holds the token gets the planned centre's name and no other."""
    land.plan("26380", "COC phường Long Bình", "coc", "731")
    land.authority.issue_token("26380", land.now)
    assert Newcomer(land, token_of(land)).enrol().identity["name"] == land.name(CODE)
    assert land.registry.centre(land.name("26380")).state == "planned"


def test_token_of_a_centre_that_was_revoked_meanwhile(land: FakeFederation) -> None:
    token = token_of(land)
    land.authority.revoke(land.name(CODE), land.now)
    assert refused(Newcomer(land, token).enrol).code == "NOT_PLANNED"


def test_the_way_must_lead_through_the_branch(land: FakeFederation) -> None:
    land.join("735", "OC huyện Vĩnh Cửu", "oc", "75")
    token = token_of(land)
    sealed = Newcomer(land, token).sealed()
    assert refused(land.authority.enrol, sealed, land.now, via=land.name("735")).code == "WRONG_WAY"
    assert refused(land.authority.enrol, sealed, land.now, via=land.name(CODE)).code == "WRONG_WAY"
    land.authority.enrol(sealed, land.now, via=land.name("731"))


def test_nobody_on_the_way_reads_the_request(land: FakeFederation) -> None:
    """The relaying district tries every key that it has, and the request of another federation's kind."""
    newcomer = Newcomer(land, token_of(land))
    sealed = newcomer.sealed()
    assert newcomer.token.secret not in sealed
    context = request.request_context(offer_of(land).root)
    sealing = encoding.x25519_key(read_private(land.folder / "authority" / "sealing.key"), "sealing.key")
    assert b"token" in unseal(sealed, sealing, context)
    for key in (x25519.X25519PrivateKey.generate(), newcomer.reply):
        assert refused(unseal, sealed, key, context).code == "UNSEALABLE"
    assert refused(unseal, sealed, sealing, b"another context").code == "UNSEALABLE"
    for place in range(0, len(sealed), 7):
        changed = bytearray(sealed)
        changed[place] ^= 1
        assert refused(unseal, bytes(changed), sealing, context).code == "UNSEALABLE"


def test_an_offer_with_the_relays_own_sealing_key(land: FakeFederation) -> None:
    """A district that would read along shows its own key, certified as well as it can."""
    token, offer = token_of(land), offer_of(land)
    own = x25519.X25519PrivateKey.generate().public_key()
    district = profile.Signer(
        certificate=x509.load_pem_x509_certificate(land.keystore("731").tls_chain_pem),
        key=encoding.ec_key(land.keystore("731").tls_key_pem, "tls.key"),
    )
    forged = encoding.der(profile.sealing_certificate(own, district, land.now))
    assert refused(enrol.begin, token, replace(offer, sealing=forged), land.now).code == "BAD_CHAIN"
    as_issuing = replace(offer, issuing=encoding.der(district.certificate), sealing=forged)
    assert refused(enrol.begin, token, as_issuing, land.now).code == "BAD_CHAIN"
    # Certified by the real authority, but for another use.
    draft = profile._draft_below(land.issuing_signer(), profile._subject("x"), own, land.now, profile.SIGN_LIFE)
    draft = draft.add_extension(x509.SubjectAlternativeName([x509.DNSName(names.SEALING_NAME)]), critical=False)
    records = profile._leaf(draft, "key_agreement", (profile.USE_RECORDS,)).sign(
        land.issuing_signer().key, hashes.SHA256()
    )
    assert refused(enrol.begin, token, replace(offer, sealing=encoding.der(records)), land.now).code == "BAD_CHAIN"
    auth = x509.load_pem_x509_certificate(land.keystore("731").tls_chain_pem)
    assert refused(enrol.begin, token, replace(offer, sealing=encoding.der(auth)), land.now).code == "BAD_CHAIN"


def test_an_offer_of_another_root(land: FakeFederation, tmp_path: Path) -> None:
    other = small_federation(tmp_path / "other", centres=THREE_TIERS, foreign=True)
    assert refused(enrol.begin, token_of(land), offer_of(other), land.now).code == "WRONG_ROOT"
    mixed = replace(offer_of(other), root=offer_of(land).root)
    assert refused(enrol.begin, token_of(land), mixed, land.now).code == "BAD_CHAIN"
    late = land.now + profile.ISSUING_LIFE + timedelta(days=1)
    assert refused(enrol.begin, token_of(land), offer_of(land), late).code == "EXPIRED"


def test_answers_that_lie_leave_no_keys(land: FakeFederation, tmp_path: Path) -> None:
    """Validly signed certificates for another key, another name, another centre; a registry that does not list us."""
    attempt = enrol.begin(token_of(land), offer_of(land), land.now)
    before = land.authority.registry_raw
    sealed = land.authority.enrol(attempt.sealed_request, land.now)
    context = request.answer_context(attempt.sealed_request)
    true = request.decode_answer(unseal(sealed, attempt.reply_key, context))
    member, other = land.keystore("26374"), small_federation(tmp_path / "other", centres=THREE_TIERS, foreign=True)
    signer = land.issuing_signer()
    sibling = profile.sign_certificate(attempt.sign_key.public_key(), land.name("26374"), signer, land.now)
    lies = {
        "TLS certificate of a sibling": replace(true, auth=member.tls_chain_pem),
        "sign certificate of a sibling": replace(
            true, sign=encoding.pem(encoding.from_der(member.sign_certificate, "x"))
        ),
        "our key under a sibling's name": replace(true, sign=encoding.pem(sibling)),
        "another root": replace(true, root=other.root_pem),
        "another issuing CA": replace(true, issuing=other.keystore("75").issuing_pem),
        "an old registry without us": replace(true, registry=before),
        "a foreign registry": replace(true, registry=other.authority.registry_raw),
        "another identity": replace(true, identity={**true.identity, "name": land.name("26374")}),
    }
    keys = tmp_path / "n" / "keys"
    for kind, lie in lies.items():
        answer = seal(request.encode_answer(lie), attempt.reply_key.public_key(), context)
        assert refused(enrol.finish, attempt, answer, keys, land.now).code in {
            "BAD_ANSWER",
            "BAD_CHAIN",
            "BAD_SAN",
            "WRONG_ROOT",
            "BAD_REGISTRY",
        }, kind
        assert not list(keys.parent.glob("*")), kind
    assert enrol.finish(attempt, sealed, keys, land.now).name == land.name(CODE)


def test_keys_of_another_centre_wait_for_the_settings(land: FakeFederation, tmp_path: Path) -> None:
    """The operator took the wrong settings file: nothing is put in place, and the same token goes on after the fix."""
    keys = tmp_path / "n" / "keys"
    keys.parent.mkdir(mode=0o700)
    token = token_of(land)
    attempt = enrol.begin_or_resume(token, offer_of(land), land.now, keys)
    answer = land.authority.enrol(attempt.sealed_request, land.now)
    assert refused(enrol.finish, attempt, answer, keys, land.now, code="26374").code == "WRONG_CENTRE"
    assert not keys.exists()
    again = enrol.begin_or_resume(token, offer_of(land), land.now, keys)
    answer = land.authority.enrol(again.sealed_request, land.now)
    assert enrol.finish(again, answer, keys, land.now, code=CODE).name == land.name(CODE)
    assert [path.name for path in keys.parent.iterdir()] == ["keys"]


def test_replacing_keys(land: FakeFederation) -> None:
    old = land.keystore("26374")
    assert refused(land.authority.issue_token, "26374", land.now).code == "ALREADY_ACTIVE"
    asked_from_afar = refused(
        land.authority.issue_token, "26374", land.now, requested_by=land.name("731"), replace_keys=True
    )
    assert asked_from_afar.code == "NOT_YOURS"
    new = land.enrol("26374")
    assert (new.name, new.key_id != old.key_id) == (old.name, True)
    assert land.registry.public_key(old.name, old.key_id) is not None
    assert land.registry.public_key(old.name, new.key_id) is not None
    assert [path.name for path in land.home("26374").iterdir()] == ["keys"]
    assert Keystore.load(land.home("26374") / "keys").key_id == new.key_id


def test_malformed_plain_requests(land: FakeFederation) -> None:
    offer = offer_of(land)
    key = enrol.check_offer(token_of(land), offer, land.now)
    for plain in (
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 20000,
        b'{"token": 1}',
        b'{"token": "AA==", "reply_key": "AA=="}',
    ):
        sealed = seal(plain, key, request.request_context(offer.root))
        assert refused(land.authority.enrol, sealed, land.now).code == "BAD_REQUEST"
    assert refused(land.authority.enrol, b"x" * (request.MAX_SEALED_BYTES + 1), land.now).code == "TOO_LARGE"
    assert refused(land.authority.enrol, b"", land.now).code == "UNSEALABLE"


def test_a_low_order_reply_key_is_a_refusal(land: FakeFederation) -> None:
    newcomer = Newcomer(land, token_of(land))
    weak = x25519.X25519PublicKey.from_public_bytes(b"\0" * 32)
    newcomer.body = json.loads(request.encode_request(newcomer.token, newcomer.auth, newcomer.sign, weak))
    assert newcomer.body["reply_key"] == base64.b64encode(weak.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    assert refused(newcomer.enrol).code == "UNSEALABLE"
    assert land.registry.centre(land.name(CODE)).state == "planned"
