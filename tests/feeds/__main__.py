"""Run discovery over a folder of saved documents, and compare it with an oracle that takes its time.

``python -m tests.feeds DIR [--insert]`` prints each document in which the two differ, and counts the rest: those in
which they do not, and those in which the oracle is known to see less, with the reason. It exits 1 if any differs. With
``--insert`` each document is tried many times, with one more link at each of its tags in turn.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.feeds.discovered import discovered
from tests.feeds.documents import Document, documents, with_links
from tests.feeds.finding import DIFFERENT, verdict
from tests.feeds.oracle import expected


def main() -> int:
    """Compare, print, and say whether all is the same."""
    parser = argparse.ArgumentParser(prog="python -m tests.feeds", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the documents are saved")
    parser.add_argument("--insert", action="store_true", help="put a link at each tag of each document")
    options = parser.parse_args()
    count: Counter[str] = Counter()
    for document in _chosen(options.folder, insert=options.insert):
        ours, theirs = discovered(document), expected(document)
        kind = verdict(ours, theirs)
        count[kind] += 1
        if kind == DIFFERENT:
            sys.stdout.write(f"{document.name}\n  discovery {ours.links}\n  oracle    {theirs.links}\n")
    for kind, number in count.most_common():
        sys.stdout.write(f"{number:8,} {kind}\n")
    return int(DIFFERENT in count)


def _chosen(folder: Path, *, insert: bool) -> Iterator[Document]:
    for document in documents(folder):
        yield document
        if insert:
            yield from with_links(document)


if __name__ == "__main__":
    sys.exit(main())
