"""Parts that screens and module pages put together: the live component, and words made safe for Markdown."""
