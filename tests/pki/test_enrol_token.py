"""The text that an operator carries, and what a slip of the hand does to it."""

import pytest

from pki.enrol_token import new_token, parse_token
from pki.errors import PkiError
from pki.names import is_centre_name, mint_name


@pytest.mark.parametrize("parent", [None, mint_name()], ids=["first", "below another"])
def test_text_and_back(parent: str | None) -> None:
    token = new_token(bytes(range(32)), parent)
    assert parse_token(token.text()) == token
    assert parse_token(f"\n {token.text().upper()}\r\n") == token
    assert len(token.secret) == 16
    assert token.secret not in token.hash


def test_no_representation_shows_the_secret() -> None:
    token = new_token(bytes(32), None)
    assert token.secret.hex() not in repr(token)
    assert repr(token.secret) not in repr(token)
    assert token.text().split(".")[1] not in repr(token)


def test_every_slip_is_caught_and_not_repeated() -> None:
    text = new_token(bytes(range(32)), mint_name()).text()
    for place, letter in enumerate(text):
        slipped = text[:place] + ("b" if letter == "a" else "a") + text[place + 1 :]
        with pytest.raises(PkiError) as caught:
            parse_token(slipped)
        assert caught.value.code == "TOKEN_UNREADABLE"
        assert text.split(".")[1][:8] not in str(caught.value)


@pytest.mark.parametrize("text", ["", ".", "....", "lt1", "x" * 5000, "lt1.ấ.b.c.d", "lt2.a.b.local.aaaa"])
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(PkiError) as caught:
        parse_token(text)
    assert caught.value.code == "TOKEN_UNREADABLE"


def test_registry_names() -> None:
    minted = {mint_name() for _ in range(100)}
    assert len(minted) == 100
    assert all(is_centre_name(name) for name in minted)
    good = next(iter(minted))
    for bad in (
        good.upper(),
        f"{good}.",
        f"*{good[1:]}",
        f"a.{good}",
        good[:-1],
        f"{good}\n",
        good.replace("n-", "m-"),
    ):
        assert not is_centre_name(bad)
