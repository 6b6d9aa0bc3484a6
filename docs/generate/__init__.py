"""Writes the generated pages of the reference: ``python -m docs.generate``.

The pages are generated from docstrings, signatures, the hook table and, for the answers, from requests to a hub. A
test fails if a page on disk is out of date, or if a public name or an argument is not described.
"""
