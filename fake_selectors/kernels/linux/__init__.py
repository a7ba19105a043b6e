"""Linux where it has limits of its own: ``select()``."""
