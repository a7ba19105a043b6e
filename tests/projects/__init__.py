"""Other people's libraries and their own tests, unmodified, on the loops of other platforms."""
