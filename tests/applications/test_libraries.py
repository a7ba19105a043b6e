"""Unchanged test suites of every kind: an asynchronous test and its fixtures run on the loop that its id names."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys

import pytest

from .conftest import Suite

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="platforms are emulated on Linux")

BACKENDS = ("windows-selector", "windows-proactor", "macos")
ON = ("--everyloop", ",".join(BACKENDS), "-p", "no:cacheprovider")
ASYNCIO = ("-o", "asyncio_default_fixture_loop_scope=function")


def needs(module: str) -> pytest.MarkDecorator:
    found = importlib.util.find_spec(module) is not None
    return pytest.mark.skipif(not found, reason=f"{module} is not installed: tox run -m applications")


def on_each(*names: str) -> dict[str, str]:
    """The ids of tests that pass once per backend."""
    spread = (
        f"{name[:-1]}-{backend}]" if name.endswith("]") else f"{name}[{backend}]"
        for name in names
        for backend in BACKENDS
    )
    return dict.fromkeys(spread, "passed")


PLAIN = """
import asyncio
import functools
import sys
import unittest

import pytest
from conftest import loop

KINDS = {"_WindowsSelectorEventLoop", "ProactorEventLoop", "_UnixSelectorEventLoop"}
native = sys.modules["asyncio.events"], asyncio.SelectorEventLoop


async def main():
    await asyncio.sleep(0)
    return loop()


def test_run(expected):
    assert asyncio.run(main()) == expected

def test_runner(expected):
    with asyncio.Runner() as runner:
        assert runner.run(main()) == expected

def test_new_loop(expected):
    made = asyncio.new_event_loop()
    try:
        assert made.run_until_complete(main()) == expected
    finally:
        made.close()

def helper():
    return asyncio.run(main())

def test_by_a_helper(expected):
    assert helper() == expected

def with_loop(function):
    @functools.wraps(function)
    def wrapper(**fixtures):
        asyncio.run(function(**fixtures))
    return wrapper

@with_loop
async def test_decorated(expected):
    assert loop() == expected

@pytest.fixture
def made_by_fixture():
    return asyncio.run(main())

@pytest.mark.parametrize("number", [1, 2])
def test_fixture(made_by_fixture, expected, number):
    assert made_by_fixture == expected

class TestIsolated(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.before = loop()

    async def test_asynchronous(self):
        assert loop() == self.before in KINDS
        assert asyncio.SelectorEventLoop is not native[1]

    def test_synchronous(self):
        assert self.before in KINDS

class TestOwnFactory(unittest.IsolatedAsyncioTestCase):
    loop_factory = asyncio.SelectorEventLoop

    async def test_it(self):
        # The class was taken before any platform was there.
        assert type(asyncio.get_running_loop()) is not native[1] or sys.version_info < (3, 13)

class TestOwnLoop(unittest.TestCase):
    def setUp(self):
        self.loop = asyncio.new_event_loop()
        self.addCleanup(self.loop.close)

    def test_it(self):
        assert self.loop.run_until_complete(main()) in KINDS
        assert type(self.loop) is not native[1]

def test_synchronous():
    assert asyncio.SelectorEventLoop is native[1]
"""


@pytest.mark.parametrize("warnings", [(), ("-W", "error")], ids=" ".join)
def test_the_standard_library_alone(suite: Suite, warnings: tuple[str, ...]) -> None:
    others = [part for name in ("aiohttp", "anyio", "asyncio") for part in ("-p", f"no:{name}")]
    ran = suite({"test_plain.py": PLAIN}, *ON, *others, *warnings)
    assert ran.found == {
        "test_synchronous": "passed",
        **on_each("test_run", "test_runner", "test_new_loop", "test_by_a_helper", "test_decorated"),
        **on_each("test_fixture[1]", "test_fixture[2]", "TestIsolated::test_asynchronous"),
        **on_each("TestIsolated::test_synchronous", "TestOwnFactory::test_it", "TestOwnLoop::test_it"),
    }
    assert ran.order == ["", *BACKENDS]


PYTEST_ASYNCIO = """
import asyncio
import pytest
import pytest_asyncio
from conftest import loop


@pytest_asyncio.fixture
async def mine():
    return loop()

@pytest_asyncio.fixture
async def ending():
    started = loop()
    yield started
    assert loop() == started

@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared():
    started = asyncio.get_running_loop()
    yield started
    assert asyncio.get_running_loop() is started

@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def everywhere():
    return asyncio.get_running_loop()  # pytest-asyncio 0.26 closes the loop of a session before its fixtures end

@pytest.mark.asyncio
async def test_own(expected, mine, ending):
    assert {loop(), mine, ending} == {expected}

@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("number", [1, 2])
async def test_module(expected, shared, number):
    assert shared is asyncio.get_running_loop()
    assert loop() == expected

@pytest.mark.asyncio(loop_scope="session")
async def test_session(expected, everywhere):
    assert everywhere is asyncio.get_running_loop()
    assert loop() == expected

def test_synchronous_with_fixture(expected, mine):
    assert mine == expected

class TestThings:
    @pytest.mark.asyncio
    async def test_method(self, expected, ending):
        self.seen = loop()
        assert self.seen == ending == expected

def test_synchronous():
    pass
"""


@needs("pytest_asyncio")
def test_pytest_asyncio(suite: Suite) -> None:
    ran = suite({"test_it.py": PYTEST_ASYNCIO}, *ON, *ASYNCIO)
    assert ran.found == {
        "test_synchronous": "passed",
        **on_each("test_own", "test_module[1]", "test_module[2]", "test_session"),
        **on_each("test_synchronous_with_fixture", "TestThings::test_method"),
    }
    assert ran.order == ["", *BACKENDS]


@needs("pytest_asyncio")
def test_pytest_asyncio_finds_asynchronous_tests_itself(suite: Suite) -> None:
    text = "from conftest import loop\nasync def test_it(expected): assert loop() == expected\n"
    assert suite({"test_it.py": text}, *ON, *ASYNCIO, "-o", "asyncio_mode=auto").found == on_each("test_it")


FACTORIES = """
import asyncio

class Own(asyncio.SelectorEventLoop):
    pass

def pytest_asyncio_loop_factories(config, item):
    return {"own": Own, "other": asyncio.SelectorEventLoop}
"""


@needs("pytest_asyncio")
def test_loop_factories_of_a_project_give_way(suite: Suite) -> None:
    if int(importlib.metadata.version("pytest-asyncio").partition(".")[0]) < 1:
        pytest.skip("this pytest-asyncio has no such hook")
    files = {
        "inner/conftest.py": FACTORIES,
        "inner/test_it.py": "import asyncio, pytest\n"
        "@pytest.mark.asyncio\n"
        "async def test_it(expected):\n"
        "    assert type(asyncio.get_running_loop()).__name__ == expected\n",
    }
    assert suite(files, *ON, *ASYNCIO).found == on_each("test_it")
    # Without the option they are asked as ever.
    ran = suite(files, "inner", "-p", "no:cacheprovider", *ASYNCIO, status=1)
    assert list(ran.found) == ["test_it[own]", "test_it[other]"]


@needs("pytest_asyncio")
def test_a_policy_of_a_project_gives_way(suite: Suite) -> None:
    text = (
        "import asyncio, pytest\n"
        "from conftest import loop\n"
        "class Policy(asyncio.DefaultEventLoopPolicy):\n"
        "    def new_event_loop(self): raise AssertionError('the loop of the project')\n"
        "@pytest.fixture(scope='module')\n"
        "def event_loop_policy(): return Policy()\n"
        "@pytest.mark.asyncio\n"
        "async def test_it(expected): assert loop() == expected\n"
    )
    assert suite({"test_it.py": text}, *ON, *ASYNCIO).found == on_each("test_it")


ANYIO = """
import anyio
import pytest
from conftest import loop

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend():
    return BACKEND

@pytest.fixture
async def mine():
    yield loop()

@pytest.fixture(scope="module")
async def shared(anyio_backend):
    started = loop()
    yield started
    assert loop() == started

async def test_own(expected, mine, shared):
    assert {loop(), mine, shared} == {expected}

def test_run(expected):
    async def main():
        assert loop() == expected
    anyio.run(main)

def test_synchronous():
    pass
"""


@needs("anyio")
@pytest.mark.parametrize(
    "chosen", ["'asyncio'", "('asyncio', {'loop_factory': None})", "('asyncio', {'use_uvloop': True})"]
)
def test_anyio(suite: Suite, chosen: str) -> None:
    ran = suite({"test_it.py": ANYIO.replace("BACKEND", chosen)}, *ON)
    assert ran.found == {"test_synchronous": "passed", **on_each("test_own", "test_run")}


@needs("anyio")
def test_what_runs_on_trio_runs_once(suite: Suite) -> None:
    text = (
        "import pytest, sniffio\n"
        "@pytest.mark.anyio\n"
        "@pytest.mark.parametrize('anyio_backend', ['asyncio', 'trio'])\n"
        "async def test_it(anyio_backend): pass\n"
    )
    ran = suite({"test_it.py": text.replace(", sniffio", "")}, *ON, status=None)
    passed = {f"test_it[asyncio-{backend}]" for backend in BACKENDS}
    assert set(ran.found) == {*passed, "test_it[trio]"}
    assert {ran.found[name] for name in passed} == {"passed"}


AIOHTTP = """
from aiohttp import web
from conftest import loop

async def name(request):
    return web.Response(text=loop())

async def test_client(aiohttp_client, expected):
    application = web.Application()
    application.router.add_get("/", name)
    client = await aiohttp_client(application)
    assert await (await client.get("/")).text() == loop() == expected
"""
CASE = """
from aiohttp import web
from aiohttp.test_utils import AioHTTPTestCase
from conftest import LOOPS, loop

class TestApplication(AioHTTPTestCase):
    async def get_application(self):
        async def name(request):
            return web.Response(text=loop())
        application = web.Application()
        application.router.add_get("/", name)
        return application

    async def test_client(self):
        assert await (await self.client.get("/")).text() == loop() in LOOPS.values()
"""


@needs("pytest_aiohttp")
def test_pytest_aiohttp(suite: Suite) -> None:
    ran = suite({"test_it.py": AIOHTTP, "test_case.py": CASE}, *ON, *ASYNCIO, "-o", "asyncio_mode=auto")
    assert ran.found == on_each("test_client", "TestApplication::test_client")


@needs("aiohttp")
def test_aiohttps_own_fixtures(suite: Suite) -> None:
    others = [part for name in ("aiohttp", "anyio", "asyncio") for part in ("-p", f"no:{name}")]
    ran = suite({"test_it.py": AIOHTTP, "test_case.py": CASE}, *ON, *others, "-p", "aiohttp.pytest_plugin")
    assert ran.found == {**on_each("TestApplication::test_client"), **on_each("test_client[pyloop]")}


@needs("uvloop")
def test_a_real_loop(suite: Suite) -> None:
    ran = suite({"test_plain.py": PLAIN}, "--everyloop", "uvloop", "-k", "run or fixture")
    assert ran.found == dict.fromkeys(
        [f"test_{name}uvloop]" for name in ("run[", "runner[", "fixture[1-", "fixture[2-")], "passed"
    )
