"""Broken loops, each with one realistic bug: what the suite must catch."""
