"""The start of the demo in a log: plain numbered lines in order, no bar."""

import io

from rich.console import Console

from node.demo.steps import shown

EXPECTED = ["keys", "IOC", "OC [x]", "COC"]


def output(order, **more):
    file = io.StringIO()
    with shown(Console(file=file, width=40, **more), EXPECTED) as done:
        for name in order:
            done(name)
    return file.getvalue()


def test_a_log_has_the_steps_in_order_however_they_came():
    wanted = "  1/4  keys\n  2/4  IOC\n  3/4  OC [x]\n  4/4  COC\n"
    assert output(EXPECTED) == wanted
    assert output(["COC", "OC [x]", "keys", "IOC"]) == wanted
    assert output(["keys", "COC", "OC [x]"]) == "  1/4  keys\n"


def test_a_terminal_has_a_bar():
    assert "━" in output(EXPECTED, force_terminal=True)
