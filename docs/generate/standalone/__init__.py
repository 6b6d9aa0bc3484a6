"""Writes the generated pages about the standalone hub: ``python -m docs.generate.standalone``.

What they say comes from the settings and from the parser of the command line. A test fails when a page on disk says
something else, and when a setting or an option is not described.
"""
