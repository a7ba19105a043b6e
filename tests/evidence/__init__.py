"""The accusations of ``baselines/``, without everyloop. Run by ``tox run -e evidence``, not with the other tests."""
