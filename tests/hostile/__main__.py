"""Write the page of threats: ``python -m tests.hostile``."""

from tests.hostile.page import PAGE, page

PAGE.write_text(page())
