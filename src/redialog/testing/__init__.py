"""For tests: the reference model of what redialog stores.

`Model` says in plain Python what each operation does to a namespace; a test runs it side by side
with a real server, or predicts with it what a server will hold.
"""

from redialog.testing.model import Model
from redialog.testing.model_landing import Cut, Full, Gone
from redialog.testing.model_state import Companions, Handle, Info, Log, Stage, State, Token

__all__ = [
    "Companions",
    "Cut",
    "Full",
    "Gone",
    "Handle",
    "Info",
    "Log",
    "Model",
    "Stage",
    "State",
    "Token",
]
