"""The error of commands that contact a running hub, in its own module so that catching it loads nothing else."""


class RemoteError(Exception):
    """A command failed. The message is one sentence for the user.

    Args:
        message: The sentence.
        exit_status: The exit status of the command.
    """

    def __init__(self, message: str, exit_status: int = 2) -> None:
        super().__init__(message)
        self.exit_status = exit_status
