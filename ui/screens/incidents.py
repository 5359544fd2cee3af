"""*Sự cố*: the list."""


def show() -> None:
    """Nothing yet."""
