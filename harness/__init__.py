"""The top floor: choose backends, run the cases on them, judge, report."""
