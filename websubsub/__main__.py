"""``python -m websubsub`` is the command ``websubsub``."""

import sys

from websubsub.cli import main

sys.exit(main())
