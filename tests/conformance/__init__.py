"""Tests of the middle floor: the catalogue, declarations, gates."""
