"""Property-based cases: random scripts of operations, executed on the loop under test.

A script is a list of steps, calls of the methods of a *world*. There are three:

``schedules``
    callbacks and timers, with a model of the orders that are legal;
``exchanges``
    one stream and a peer, which must keep every byte and its place;
``operations``
    a bit of everything, on the loop under test and on the control, whose traces must be alike.

The worlds use the standard library only and know nothing of the rest: ``programs`` puts their own source below a
script, which makes a program that anybody can run. ``drawing`` says what scripts there are, ``searching`` looks for one
that the loop fails, and for the smallest.
"""
