"""What a person at a centre sees, reaching the node over HTTP alone.

Two processes serve one address. `ui.proxy` is what a browser talks to: it hands `/dash/*` to Streamlit and everything
else, the WebSocket included, to the node. It asks the node who a visitor is before Streamlit hears of the request,
takes away every identity header that the browser sent and puts its own there. Streamlit (`ui.app`) runs the screens
and asks the node with the visitor's own session, never with one of its own, so that what a person may see is decided
in one place: the node. Hidden menus are no security.

Numbers that move do not come through Streamlit. One component of plain JavaScript (`static/`) listens to the node's
`/ws` at the same origin and patches the page by key. Age is counted in the browser from the data's own time, because
an age written by a server stops moving exactly when the line breaks, which is when it matters.

Actions carry an incident's id and version, never its place in a list.
"""
