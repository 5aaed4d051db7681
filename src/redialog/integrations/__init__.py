"""Other frameworks over this library's sessions; each needs its own extra, and nothing needs it."""
