"""macOS: ``kqueue``."""
