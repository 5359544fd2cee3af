"""The published vectors of RFC 4226 (appendix D) and RFC 6238 (appendix B), and what a leeway must not allow."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from node import totp

SECRET = b"12345678901234567890"
LONGER = {"sha1": SECRET, "sha256": (SECRET * 2)[:32], "sha512": (SECRET * 4)[:64]}
COUNTED = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
TIMED = {
    59: ("94287082", "46119246", "90693936"),
    1111111109: ("07081804", "68084774", "25091201"),
    1111111111: ("14050471", "67062674", "99943326"),
    1234567890: ("89005924", "91819424", "93441116"),
    2000000000: ("69279037", "90698825", "38618901"),
    20000000000: ("65353130", "77737706", "47863826"),
}


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


def test_the_vectors_of_rfc_4226():
    assert [totp.code_at(SECRET, step) for step in range(10)] == COUNTED


@pytest.mark.parametrize("seconds", TIMED)
def test_the_vectors_of_rfc_6238(seconds):
    step = totp.step_of(at(seconds))
    codes = tuple(totp.code_at(LONGER[digest], step, digits=8, digest=digest) for digest in LONGER)
    assert codes == TIMED[seconds]


def test_a_clock_may_be_off_by_one_step_and_no_more():
    now = at(3000)
    near = [totp.matching_step(SECRET, totp.code_at(SECRET, step), now) for step in range(97, 104)]
    assert near == [None, None, 99, 100, 101, None, None]


def test_a_step_that_was_used_and_those_before_it_name_none():
    now = at(3000)
    assert [totp.matching_step(SECRET, totp.code_at(SECRET, step), now, after=100) for step in (99, 100, 101)] == [
        None,
        None,
        101,
    ]


def test_the_address_names_account_issuer_and_secret_and_survives_letters_with_marks():
    parts = urlsplit(totp.address_for(SECRET, "hoa", "Liên Thông 731"))
    assert (parts.scheme, parts.netloc, unquote(parts.path)) == ("otpauth", "totp", "/Liên Thông 731:hoa")
    assert parse_qs(parts.query) == {"secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"], "issuer": ["Liên Thông 731"]}
