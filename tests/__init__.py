"""Tests of the three floors; a package, so that tests can share helpers with relative imports."""
