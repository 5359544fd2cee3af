"""The node's own pages say everything in both languages."""

import json
import re

from node import door, page
from node.api import form, own

CALL = re.compile(r'(?<![a-z])t\("((?:[^"\\]|\\.)*)"\)')


def said():
    """Every literal that a page hands to `t`, and what routes say on it."""
    found = {one for file in (page.HERE / "templates").glob("*.html") for one in CALL.findall(file.read_text("utf-8"))}
    return found | {door.REFUSED, door.WRONG_CODE, door.STEP_OVER, form.STALE_FORM, *own._DONE.values()}


def refusals():
    """The sentences of the errors that these pages show, as they read there."""
    literal = re.compile(r'(?:Invalid|Forbidden|Conflict|TooMany|NotFound)\(\s*"([^"{]+)"')
    conditional = re.compile(r'raise Forbidden\(\s*"([^"]+)" if may_try else "([^"]+)"')
    files = [page.HERE / "door.py", page.HERE / "api" / "own.py", page.HERE / "api" / "entry.py"]
    texts = [file.read_text("utf-8") for file in files]
    found = {one for text in texts for one in literal.findall(text)}
    found |= {one for text in texts for pair in conditional.findall(text) for one in pair}
    faults = re.findall(r'return "([^"]{12,})"', (page.HERE / "password.py").read_text("utf-8"))
    return {one[:1].upper() + one[1:] for one in {*found, *faults}}


def test_everything_that_a_page_says_has_english():
    assert len(said()) > 50
    assert sorted(said() - set(page._TRANSLATED)) == []
    assert len(refusals()) >= 8
    assert sorted(refusals() - set(page._TRANSLATED)) == []
    assert page.say("Mật khẩu cần từ 10 đến 200 ký tự", "en") == "A password needs 10 to 200 characters"


def test_no_english_is_left_over():
    known = json.loads((page.HERE / "templates" / "en.json").read_text("utf-8"))
    elsewhere = " ".join(file.read_text("utf-8") for file in page.HERE.rglob("*.py"))
    used = said() | refusals()
    left = [
        one for one in known if one not in used and one not in elsewhere and one[:1].lower() + one[1:] not in elsewhere
    ]
    assert left == []
