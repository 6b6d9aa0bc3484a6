"""The command ``websubhub``."""

import argparse
import sys
from collections.abc import Sequence

from websubhub import demo


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        arguments: The words behind the command's name.
    """
    parser = argparse.ArgumentParser(prog="websubhub", description="A WebSub hub, and tools for publishers.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("demo", help="walk the whole WebSub round on loopback and show it")
    parser.parse_args(arguments)
    return demo.main(sys.stdout)
