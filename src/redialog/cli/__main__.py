"""``python -m redialog.cli``."""

from redialog.cli import main

main()
