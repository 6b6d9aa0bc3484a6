"""Write the generated pages."""

from docs.generate.pages import pages

for path, text in pages().items():
    path.write_text(text)
