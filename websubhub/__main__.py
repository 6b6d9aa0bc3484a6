"""``python -m websubhub`` is the command ``websubhub``."""

import sys

from websubhub.standalone.command.cli import main

sys.exit(main())
