"""What goes wrong when a running hub is asked, apart from what can go wrong in one, which takes longer to load."""


class RemoteError(Exception):
    """A command that could not be carried out; its text is one sentence for the person who gave it."""
