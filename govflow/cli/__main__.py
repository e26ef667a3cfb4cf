"""``python -m govflow.cli``."""

import sys

from govflow.cli.app import main

sys.exit(main())
