"""The command ``completion``, which prints the completion script of a shell."""

import argparse
import sys

import shtab


def completion(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Print the script, and return the exit status."""
    sys.stdout.write(shtab.complete(parser, arguments.shell))
    return 0
