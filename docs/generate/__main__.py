"""Write the generated pages."""

from docs.generate import pages, subscriber

for path, text in {**pages.pages(), **subscriber.pages()}.items():
    path.write_text(text)
