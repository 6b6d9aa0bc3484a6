"""Writes the generated pages of the reference: ``python -m docs.generate``.

What a page says comes from docstrings, signatures, the hook table and, for the answers, from a hub that is asked. A
test fails when a page on disk says something else, and when a public name or an argument is not described.
"""
