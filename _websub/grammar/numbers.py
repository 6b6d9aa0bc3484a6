"""Whole numbers from peers, who may use any number of digits."""


def whole_number(text: str, most: int) -> int | None:
    """Return the whole number in a text of ASCII digits, ``most`` if it is larger, or None if the text is not a number.

    Args:
        text: The text. It may have any number of digits and leading zeros.
        most: The largest number to return.
    """
    # int() also reads signs, underscores, spaces and digits of other scripts, and refuses thousands of digits.
    if not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0")
    return most if len(digits) > len(str(most)) else min(int(digits or "0"), most)
