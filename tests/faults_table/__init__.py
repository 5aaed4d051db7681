"""The fault table: its short form, and that it notices what it is there to notice."""
