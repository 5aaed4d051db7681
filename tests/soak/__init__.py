"""Threads and tasks under random faults for as long as one likes, and what they leave behind."""
