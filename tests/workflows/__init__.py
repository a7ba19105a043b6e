"""What the workflows are made of: the matrix from tox.ini, the page from its results, the distributions."""
