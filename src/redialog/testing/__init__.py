"""For tests: the reference model of what redialog stores.

`Model` says in plain Python what each operation does to a namespace; a test runs it side by side
with a real server, or predicts with it what a server will hold.
"""

from redialog.testing.model import Model
from redialog.testing.model_landing import Cut, Full, Gone
from redialog.testing.model_state import Companions, Handle, Info, Lease, Log, Stage, State, Token
from redialog.testing.model_summaries import Failed, Kept, Planned, Rolling

__all__ = [
    "Companions",
    "Cut",
    "Failed",
    "Full",
    "Gone",
    "Handle",
    "Info",
    "Kept",
    "Lease",
    "Log",
    "Model",
    "Planned",
    "Rolling",
    "Stage",
    "State",
    "Token",
]
