"""The error of the commands that ask a running hub. It is a module of its own because it loads nothing else."""


class RemoteError(Exception):
    """A command could not be carried out. The message is one sentence for the user."""
