"""The audit: from one run of a program to the loops and platforms that it could run on."""
