"""The receipt code (mã tiếp nhận): short enough to copy by hand, too long to guess.

Eleven random symbols of Crockford's base32 (55 bits) and one check symbol. The check is a weighted sum over GF(32)
whose weights are the powers of a primitive element: all are different and none is zero, so one wrong symbol and any
two symbols swapped are always noticed.
"""

from collections.abc import Callable

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_SYMBOLS = 11
LENGTH = RANDOM_SYMBOLS + 1
GROUP = 4

_VALUES = {symbol: value for value, symbol in enumerate(ALPHABET)}
_LOOK_ALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})
_IGNORED = str.maketrans("", "", "-–—. \t\r\n\u00a0_")
_FIELD_BITS = 5
_PRIMITIVE_POLYNOMIAL = 0b100101


def _multiply(left: int, right: int) -> int:
    product = 0
    for bit in range(_FIELD_BITS):
        if right >> bit & 1:
            product ^= left << bit
    for bit in range(2 * _FIELD_BITS - 2, _FIELD_BITS - 1, -1):
        if product >> bit & 1:
            product ^= _PRIMITIVE_POLYNOMIAL << (bit - _FIELD_BITS)
    return product


def _weights() -> tuple[int, ...]:
    powers = [2]
    while len(powers) < RANDOM_SYMBOLS:
        powers.append(_multiply(powers[-1], 2))
    return tuple(powers)


_WEIGHTS = _weights()


def _check(values: list[int]) -> int:
    total = 0
    for weight, value in zip(_WEIGHTS, values, strict=True):
        total ^= _multiply(weight, value)
    return total


def new_receipt(random: Callable[[int], bytes]) -> str:
    """Draw a code from a source of random bytes and return it in groups, as it is shown."""
    drawn = int.from_bytes(random(7), "big")
    values = [drawn >> (_FIELD_BITS * place) & 0b11111 for place in range(RANDOM_SYMBOLS)]
    return grouped("".join(ALPHABET[value] for value in [*values, _check(values)]))


def grouped(symbols: str) -> str:
    """Twelve symbols as people read them: `7Q2K-M0XB-31ZD`."""
    return "-".join(symbols[start : start + GROUP] for start in range(0, len(symbols), GROUP))


def read_receipt(typed: str) -> str | None:
    """Return the code in its shown form, forgiving case, spaces, O for 0 and I or L for 1; None if it cannot be one."""
    if len(typed) > 4 * LENGTH:
        return None
    symbols = typed.translate(_IGNORED).upper().translate(_LOOK_ALIKES)
    if len(symbols) != LENGTH or any(symbol not in _VALUES for symbol in symbols):
        return None
    values = [_VALUES[symbol] for symbol in symbols]
    if _check(values[:RANDOM_SYMBOLS]) != values[RANDOM_SYMBOLS]:
        return None
    return grouped(symbols)
