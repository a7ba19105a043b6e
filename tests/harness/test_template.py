"""The process that workers are forked from."""

from __future__ import annotations

import json
import sys

import pytest
from everyloop.harness import template

from ..conftest import Command

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not template.SUPPORTED, reason="needs fork() and subreapers"),
]

SCRIPT = """
import json, os, socket, sys, threading
from everyloop.harness import processes, template

processes.adopt_orphans()
ours, theirs = socket.socketpair()
server = os.fork()
if not server:
    ours.close()
    assignment = template.serve(theirs)
    if assignment is None:
        sys.exit(3)
    print(json.dumps([assignment.strip(), os.getpid() == os.getsid(0), os.read(0, 1).decode()]), flush=True)
    print("an error", file=sys.stderr)
    sys.exit(7)
theirs.close()
forking = template.Template(ours)
found = []
for text in ("first", "x" * 100_000):
    ended = threading.Event()
    child = forking.fork(text, ended.set)
    assert ended.wait(30)
    child.close()
    found.append([child.returncode, child.output(), child.pid not in {os.getpid(), server}])
try:
    forking.close()
    status = os.waitstatus_to_exitcode(os.waitpid(server, 0)[1])
    print(json.dumps([found, status]))
finally:
    processes.reap_orphans(set())
"""

ENDED = """
import os, socket
from everyloop.harness import template

ours, theirs = socket.socketpair()
theirs.close()
before = os.listdir("/proc/self/fd")
try:
    template.Template(ours).fork("nobody hears it", print)
except template.TemplateError as error:
    print(error)
assert os.listdir("/proc/self/fd") == before

import threading
ours, theirs = socket.socketpair()
def leave():
    socket.recv_fds(theirs, 100, 1)
    theirs.shutdown(socket.SHUT_RDWR)
thread = threading.Thread(target=leave)
thread.start()
try:
    template.Template(ours).fork("nobody answers", print)
except template.TemplateError as error:
    print(error)
thread.join()
"""


def test_it_forks_workers_that_are_children_of_the_run(python: Command) -> None:
    done = python("-c", SCRIPT)
    assert (done.returncode, done.stderr) == (0, "")
    found, status = json.loads(done.stdout)
    assert status == 3, "the template ends when the run hangs up"
    for (returncode, output, adopted), text in zip(found, ("first", "x" * 100_000), strict=True):
        assert (returncode, adopted) == (7, True)
        told, *rest = output.splitlines()
        # At most the last 64 KB of what a process prints is kept.
        if len(text) < 1000:
            assert json.loads(told) == [text, True, ""]
        assert rest == ["an error"]


def test_a_template_that_has_gone(python: Command) -> None:
    done = python("-c", ENDED)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first == "[Errno 32] Broken pipe"
    assert second == "the template process has ended"


def test_only_where_it_is_known_to_work() -> None:
    assert (sys.platform == "linux") == template.SUPPORTED
