"""Whole numbers as peers write them, however many digits they use."""


def whole_number(text: str, most: int) -> int | None:
    """Return the whole number that a text of ASCII digits stands for, or ``most`` if it is larger; else None.

    Args:
        text: The text; it may have any number of digits, leading zeros too.
        most: The largest number to return.
    """
    # int() would also read signs, underscores, spaces and digits of other scripts, and refuses thousands of digits.
    if not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0")
    return most if len(digits) > len(str(most)) else min(int(digits or "0"), most)
