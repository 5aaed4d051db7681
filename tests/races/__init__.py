"""Processes that race for one session, and whether what they were told fits one order of calls."""
