"""Tests of the top floor: choosing, running, judging, reporting."""
