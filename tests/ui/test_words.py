import re

import pytest

from tests.ui.conftest import message_ids
from ui.client import Client, open_connection
from ui.texts.words import coded, english, language_of, number, say
from ui.widgets.plain import plain

_PLACES = re.compile(r"\{(\w+)\}")


def test_every_message_has_english():
    ids = {one for one in message_ids() if one != "..."}
    assert len(ids) > 100
    assert sorted(ids - set(english()) - set(coded("en"))) == []


def test_no_english_is_left_over():
    coded = {one for one in english() if re.match(r"^[a-z]+:\S", one)}
    assert sorted(set(english()) - coded - message_ids()) == []


def test_english_fills_the_same_places():
    for message, text in english().items():
        if ":" not in message.split(" ")[0]:
            assert set(_PLACES.findall(message)) == set(_PLACES.findall(text)), message


def test_vietnamese_is_the_message_itself():
    assert say("Chờ {who} nhận", "vi", who="IOC") == "Chờ IOC nhận"
    assert say("Chờ {who} nhận", "en", who="IOC") == "Offered to IOC"
    assert say("chưa ai dịch", "en") == "chưa ai dịch"
    assert language_of(None) == language_of("fr") == "vi"


@pytest.mark.parametrize(
    "text", ["![x](http://evil.example/a.png)", "<script>alert(1)</script>", "**to** :red[đỏ]", "a\n# lớn", "$x$"]
)
def test_words_of_people_stay_words(text):
    escaped = plain(text)
    for sign in "[]<>*#:$!":
        assert not re.search(r"(?<!\\)" + re.escape(sign), escaped)
    assert "\n" not in escaped


def test_an_id_from_the_address_bar_is_one_path_segment(node):
    with open_connection(node.url) as connection:
        client = Client(connection, {"lt_abcdefgh": node.session()})
        with pytest.raises(Exception, match="404"):
            client.incident("../session?x=")
    assert node.requests[-1][1].startswith("/api/v1/incidents/..%2Fsession%3Fx%3D")


def test_numbers_are_written_as_the_reader_writes_them():
    assert number(1204.5, "vi", 1) == "1.204,5"
    assert number(1204.5, "en", 1) == "1,204.5"
    assert number(5000, "vi") == "5.000"
