"""The HTML report in a real browser, without a screen. Run by ``tox run -e browser``, not with the other tests."""
