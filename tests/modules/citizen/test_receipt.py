from hypothesis import assume, given
from hypothesis import strategies as st

from modules.citizen.receipt import ALPHABET, LENGTH, RANDOM_SYMBOLS, grouped, new_receipt, read_receipt

SYMBOL = st.sampled_from(ALPHABET)
CODES = st.binary(min_size=7, max_size=7).map(lambda drawn: new_receipt(lambda size: drawn[:size]))


def bare(code: str) -> str:
    return code.replace("-", "")


def test_a_code_holds_at_least_fifty_random_bits():
    assert RANDOM_SYMBOLS * 5 >= 50
    for bit in range(55):
        one = new_receipt(lambda _, bit=bit: (1 << bit).to_bytes(7, "big"))
        assert one != new_receipt(bytes)


@given(CODES)
def test_a_code_reads_back_as_itself(code):
    assert read_receipt(code) == code
    assert len(bare(code)) == LENGTH
    assert not set("ILOU") & set(code)


@given(CODES, st.data())
def test_typing_is_forgiven(code, data):
    typed = ""
    for symbol in bare(code):
        look = {"0": "0Oo", "1": "1IiLl"}.get(symbol, symbol + symbol.lower())
        typed += data.draw(st.sampled_from(look)) + data.draw(st.sampled_from(["", " ", "-"]))
    assert read_receipt(typed) == code


@given(CODES, st.integers(0, LENGTH - 1), SYMBOL)
def test_one_wrong_symbol_is_noticed(code, place, symbol):
    symbols = list(bare(code))
    assume(symbols[place] != symbol)
    symbols[place] = symbol
    assert read_receipt("".join(symbols)) is None


@given(CODES, st.integers(0, LENGTH - 1), st.integers(0, LENGTH - 1))
def test_two_swapped_symbols_are_noticed(code, one, other):
    symbols = list(bare(code))
    assume(symbols[one] != symbols[other])
    symbols[one], symbols[other] = symbols[other], symbols[one]
    assert read_receipt("".join(symbols)) is None


@given(st.text(max_size=60))
def test_nothing_a_person_types_breaks_it(typed):
    code = read_receipt(typed)
    assert code is None or read_receipt(code) == code


def test_too_long_or_too_short_is_no_code():
    assert read_receipt("") is None
    assert read_receipt("0" * 11) is None
    assert read_receipt("0" * 13) is None
    assert read_receipt(" " * 10_000 + "0" * 12) is None
    assert grouped("0" * 12) == "0000-0000-0000"
