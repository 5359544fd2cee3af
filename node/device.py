"""What a browser calls itself, in words that a person recognises in a list of sessions."""

_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("coc_coc", "Cốc Cốc"), ("Firefox", "Firefox"), ("Chrome", "Chrome"))
_MACHINES = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)


def name_of(user_agent: str) -> str:
    """Name browser and machine; a program by its first word, nothing for nothing."""
    browser = next((name for sign, name in (*_BROWSERS, ("Safari", "Safari")) if sign in user_agent), "")
    machine = next((name for sign, name in _MACHINES if sign in user_agent), "")
    if browser or machine:
        return " · ".join(filter(None, (browser, machine)))
    return user_agent.partition(" ")[0].partition("/")[0][:40]
