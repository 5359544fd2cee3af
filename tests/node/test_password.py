import os
import unicodedata

import pytest

from node import password


@pytest.mark.parametrize(
    "guess",
    [
        "matkhau123",
        "Matkhau@123",
        "mật khẩu",
        "M4tKh4u!2026",
        "p@ssw0rd!!",
        "password2024",
        "QWERTYUIOP",
        "1234567890",
        "abcdefghij",
        "9876543210",
        "aaaaaaaaaaaa",
        "abababababab",
        "vietnam1975",
        "anhyeuem-anhyeuem",
        "quantri@2026",
        "ioc.dongnai",
        "truc.ban.ca1",
        "1truc.ban.ca",
    ],
)
def test_what_is_guessed_first_is_refused(guess):
    assert password.fault("truc.ban.ca", guess)


@pytest.mark.parametrize(
    "good",
    ["mưa rơi trên sông Đồng Nai", "mot-mat-khau-dai", "khế ngọt bờ ao 7", "correct horse battery", "xK4#vQ9!mZ2p"],
)
def test_a_sentence_is_enough_and_no_kind_of_letter_is_asked_for(good):
    assert password.fault("hoa", good, shortest=10) == ""


def test_length_is_a_setting_above_eight():
    assert password.fault("hoa", "chim-bay", shortest=8) == ""
    assert "12" in password.fault("hoa", "chim-bay", shortest=12)
    assert password.fault("hoa", "x y z" * 100)


def test_two_keyboards_that_write_letters_with_marks_differently_type_the_same_password():
    words = "mưa rơi trên sông"
    hashed = password.hash_password("hoa", unicodedata.normalize("NFD", words))
    assert password.is_password(hashed, unicodedata.normalize("NFC", words))


def test_a_one_time_password_can_be_read_out_and_is_no_common_one():
    made = {password.one_time_password(os.urandom) for _ in range(200)}
    assert len(made) == 200
    assert all(len(one) == 27 and one.count("-") == 3 and password.fault("hoa", one) == "" for one in made)
    bytes_given = []

    def all_too_high(count):
        bytes_given.append(count)
        return bytes([255] * count if len(bytes_given) < 3 else range(count))

    password.one_time_password(all_too_high)
    assert len(bytes_given) == 3
