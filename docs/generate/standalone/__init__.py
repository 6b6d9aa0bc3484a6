"""Writes the generated pages about the standalone hub: ``python -m docs.generate.standalone``.

They are generated from the settings and the parser of the command line. A test fails if a page on disk is out of
date, or if a setting or an option is not described.
"""
