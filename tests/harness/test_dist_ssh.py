"""``--dist ssh=…``: a far machine that is this one, behind an ssh server of our own on the loopback interface."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from everyloop.harness import results

from .runs import MARK, PATIENCE, Commands, by_case, verdicts, wait_until
from .test_dist import SELECTION, VICTIM, judge_with_losses
from .test_interruption import PROMPT, journalled

SSHD = shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
PRIVILEGE_SEPARATION = Path("/run/sshd")
"""What Debian's sshd insists on if root starts it; the service makes it."""

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform == "win32", reason="the canaries kill by signals"),
    pytest.mark.skipif(SSHD is None or shutil.which("ssh") is None, reason="needs sshd and ssh: openssh-server"),
]

SERVER = """
AuthorizedKeysFile {folder}/key.pub
HostKey {folder}/host
ListenAddress 127.0.0.1:{port}
PasswordAuthentication no
PermitRootLogin yes
PidFile none
SetEnv {variables}
StrictModes no
UsePAM no
"""
CLIENT = """
Host far
  BatchMode yes
  ConnectTimeout 20
  HostName 127.0.0.1
  IdentitiesOnly yes
  IdentityFile {folder}/key
  LogLevel ERROR
  Port {port}
  StrictHostKeyChecking no
  UserKnownHostsFile {folder}/known
Host nobody
  HostName 127.0.0.1
  Port {unused}
"""


class Far:
    """A machine that ssh leads to, and the gateway to it."""

    def __init__(self, folder: Path, commands: Commands) -> None:
        self.folder = folder
        self.config = folder / "config"
        self._commands = commands
        self._server: subprocess.Popen[bytes] | None = None

    def gateway(self, more: str = "") -> tuple[str, str]:
        """Return the options for a gateway to it."""
        return "--dist", f"ssh=far//ssh_config={self.config}//python={sys.executable}{more}"

    def start(self) -> None:
        """Start the server; it is there when this returns."""
        for name in ("host", "key"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)]
            subprocess.run(command, check=True, timeout=PATIENCE)
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
            port, unused = one.getsockname()[1], other.getsockname()[1]
        # Whoever comes by ssh has an environment of its own: what the tests look for is put into it.
        variables = {
            **self._commands.environment(),
            "CANARY_VICTIM": VICTIM,
            "CANARY_MEMORY": str(self._commands.folder / "memory"),
        }
        wanted = (MARK, "PYTHONPATH", "TMPDIR", "CANARY_VICTIM", "CANARY_MEMORY")
        given = " ".join(f"{name}={variables[name]}" for name in wanted)
        (self.folder / "server").write_text(SERVER.format(folder=self.folder, port=port, variables=given))
        self.config.write_text(CLIENT.format(folder=self.folder, port=port, unused=unused))
        assert SSHD is not None
        command = [SSHD, "-D", "-e", "-f", str(self.folder / "server")]
        with (self.folder / "log").open("wb") as log:
            self._server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
        wait_until(self._listens)

    def _listens(self) -> bool:
        assert self._server is not None
        assert self._server.poll() is None, (self.folder / "log").read_text()
        return "Server listening" in (self.folder / "log").read_text()

    def stop(self) -> None:
        """End the server."""
        if self._server is not None:
            self._server.terminate()
            self._server.wait(PATIENCE)


@pytest.fixture
def far(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    if os.geteuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    machine = Far(tmp_path_factory.mktemp("ssh"), commands)
    try:
        machine.start()
        yield machine
    finally:
        machine.stop()


def test_the_verdicts_are_the_same_as_here(far: Far, commands: Commands) -> None:
    assert commands.judge("asyncio", *SELECTION).status == 0
    here = commands.runs()["asyncio"]
    ended = commands.judge("asyncio", *SELECTION, *far.gateway())
    assert (ended.status, ended.stderr) == (0, "")
    there = commands.runs()["asyncio"]
    assert verdicts(there) == verdicts(here)
    assert there["gateways"] == ["gw0"]


def test_a_machine_that_dies_is_replaced_by_one_like_it(far: Far, commands: Commands) -> None:
    status, stderr = judge_with_losses(
        commands, "canaries.killing:once", *SELECTION, *far.gateway(), *far.gateway(), "-n", "1"
    )
    assert status == 0
    assert " was lost: its process ended with exit status 255; the others go on\n" in stderr
    run = commands.runs()["canaries.killing:once"]
    assert "incomplete" not in run
    assert f"readers::{VICTIM}" in by_case(run)


def test_a_host_that_does_not_answer(far: Far, commands: Commands) -> None:
    nobody = f"ssh=nobody//ssh_config={far.config}"
    ended = commands.judge("asyncio", *SELECTION, *far.gateway(), "--dist", nobody)
    assert ended.status == 2
    assert ended.stderr.startswith(f"everyloop: gateway gw1 ({nobody}) cannot be used: its process ended with exit ")
    assert ended.stderr.endswith("Connection refused\n")
    assert ended.stderr.count("\n") == 1
    assert verdicts(commands.runs()["asyncio"])


def test_no_python_there(far: Far, commands: Commands) -> None:
    ended = commands.judge("asyncio", *SELECTION, "--dist", f"ssh=far//ssh_config={far.config}//python=no_such_python")
    assert ended.status == 2
    assert "cannot be used: its process ended with exit status 127: " in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])  # by name: Windows, where this is skipped, lacks one
def test_nobody_is_left_there(far: Far, commands: Commands, how: str) -> None:
    process = commands.start(
        *("run", "canaries.hanging:deadlocked", "--json", str(commands.document), *SELECTION),
        *(*far.gateway(), "-n", "2", "--timeout", "600"),
        start_new_session=True,
    )
    wait_until(lambda: len(journalled(commands.journal)) >= 1)
    began = time.monotonic()
    process.send_signal(signal.Signals[how])
    process.communicate(timeout=PATIENCE)
    assert time.monotonic() - began < 2 * PROMPT
    commands.nobody_is_left()
    wait_until(lambda: not list(commands.temporary.iterdir()))
    if how == "SIGINT":
        assert process.returncode == 130
        (run,) = results.read(commands.document)["runs"]
        assert run["incomplete"] is True
    else:
        assert journalled(commands.journal)
