"""What a report's words give away: contact details, and matters that have their own law."""

import re
import unicodedata

HIDDEN = "[thông tin cá nhân đã ẩn]"
WITHHELD = "Nội dung có dấu hiệu khiếu nại, tố cáo: chỉ trung tâm tiếp nhận được đọc."

_TELEPHONE = re.compile(r"(?<!\d)(?:\+?84|0)(?:[ .\-()]{0,2}\d){8,10}(?!\d)")
_IDENTITY_NUMBER = re.compile(r"(?<!\d)\d{12}(?!\d)|(?<!\d)\d{9}(?!\d)")
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_PERSONAL = (_MAIL, _IDENTITY_NUMBER, _TELEPHONE)
_COMPLAINTS = re.compile(r"\b(?:khiếu nại|tố cáo|tố giác|đơn thư|khiếu kiện)\b", re.IGNORECASE)
_COMPLAINTS_BARE = re.compile(r"\b(?:khieu nai|to cao|to giac|don thu|khieu kien)\b", re.IGNORECASE)
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Cn"}
_KEPT_CONTROLS = "\n"


def tidy(text: str) -> str:
    """Text as it is kept: composed (NFC), one kind of line end, no control or direction characters, no outer space."""
    composed = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return "".join(
        sign for sign in composed if sign in _KEPT_CONTROLS or unicodedata.category(sign) not in _UNPRINTABLE
    ).strip()


def has_personal_data(text: str) -> bool:
    """Whether a telephone, identity or mail address seems to stand in the text: a hint for the operator, no proof."""
    return any(pattern.search(text) for pattern in _PERSONAL)


def without_personal_data(text: str, *also: str) -> str:
    """The text as it may leave this centre: contact details, and the words given in `also`, are hidden."""
    for pattern in _PERSONAL:
        text = pattern.sub(HIDDEN, text)
    for words in also:
        if words.strip():
            text = re.sub(rf"(?<!\w){re.escape(words.strip())}(?!\w)", HIDDEN, text, flags=re.IGNORECASE)
    return text


def is_complaint(text: str) -> bool:
    """Whether it speaks of a complaint or denunciation (khiếu nại, tố cáo), which are handed over, never handled."""
    if _COMPLAINTS.search(text):
        return True
    return text.isascii() and _COMPLAINTS_BARE.search(text) is not None
