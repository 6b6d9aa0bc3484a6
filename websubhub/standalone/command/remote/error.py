"""The error of commands that contact a running hub, in its own module so that catching it loads nothing else."""


class RemoteError(Exception):
    """A command failed. The message is one sentence for the user."""
