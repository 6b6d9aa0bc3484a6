"""Write the generated pages about the standalone hub."""

from docs.generate.standalone import states
from docs.generate.standalone.pages import pages

for path, text in pages().items():
    path.write_text(text)
states.PAGE.write_text(states.renewed(states.PAGE.read_text()))
