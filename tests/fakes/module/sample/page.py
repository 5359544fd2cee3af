"""A screen; the node knows its path and never imports it."""

raise RuntimeError("a page must not be imported by the node")
