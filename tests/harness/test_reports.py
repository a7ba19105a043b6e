"""Reports: what is in each format, that hostile text stays text, and that the programs that read them can."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from everyloop.conformance import catalogue
from everyloop.harness import judging
from everyloop.harness.baselines import Baseline
from everyloop.harness.probing import Column
from everyloop.harness.reports import badge, content, ctrf, html, junit, markdown
from everyloop.harness.reports.content import Content
from everyloop.harness.results import Run

from ..conftest import Command
from . import made
from .runs import Commands

pytestmark = pytest.mark.once

BASELINE = """
[[expected]]
backend = "uvloop"
case = "readers::known"
verdict = "fail"
reason = "it forgets"
url = "https://example.org/bugs/1"

[[expected]]
backend = "uvloop"
case = "readers::stale"
verdict = "fail"
"""

RUN = made.run(
    found=[
        made.result("readers::good", duration=0.25),
        made.result("readers::broken", "fail", detail="AssertionError: assert 1 == 2 (readers.py:7)\nmore"),
        made.result("readers::known", "fail", detail="it forgot"),
        made.result("readers::stale"),
        made.result("readers::lost", "crash", detail="SIGSEGV"),
        made.result("readers::left", cleanup="descriptor left open: socket"),
        made.result("readers::explained", "unsupported", limit="windows-selector-pipes", detail="NotImplementedError"),
        made.result("readers::left_out", "skip", detail="no IPv6 here"),
        made.result("readers::seen", "info", level="info", detail="saw 3", behaviour="FD-06"),
        made.result("readers::doubtful", flaky=True),
    ]
)


@pytest.fixture
def baseline(tmp_path: Path) -> Baseline:
    path = tmp_path / "known.toml"
    path.write_text(BASELINE)
    return Baseline.read(path)


def standings(found: Content) -> dict[str, str]:
    return {one.result["case"].partition("::")[2]: one.standing for one in found.judged(found.runs[0])}


class TestContent:
    def test_how_results_stand(self, baseline: Baseline) -> None:
        usual = {"good": "good", "broken": "news", "known": "news", "stale": "good", "lost": "news", "left": "news"}
        usual |= {"explained": "explained", "left_out": "good", "seen": "good", "doubtful": "good"}
        assert standings(Content([RUN])) == usual
        assert standings(Content([RUN], baseline)) == usual | {"known": "known", "stale": "news"}

    def test_the_score(self) -> None:
        score = content.score(RUN["results"])
        assert (score.kept, score.tried, str(score)) == (4, 7, "57.1%")
        assert str(content.Score(999_999, 1_000_000)) == "99.9%"
        assert str(content.Score(3, 3)) == "100%"
        assert str(content.Score(0, 0)) == "-"

    def test_the_order_of_columns(self) -> None:
        runs = [
            made.run("uvloop", version="0.9", python="3.13.0"),
            made.run("asyncio", version="3.9.1", python="3.9.1"),
            made.run("uvloop", version="0.23.0", python="3.13.0"),
            made.run("uvloop", version="0.23.0", python="3.9.0"),
            made.run("uvloop", version="0.23.0", python="3.13.0", platform="darwin"),
        ]
        assert [(r["backend"], r["platform"], r["version"], r["python"]) for r in content.in_order(runs)] == [
            ("uvloop", "darwin", "0.23.0", "3.13.0"),
            ("uvloop", "linux", "0.9", "3.13.0"),
            ("uvloop", "linux", "0.23.0", "3.9.0"),
            ("uvloop", "linux", "0.23.0", "3.13.0"),
            ("asyncio", "linux", "3.9.1", "3.9.1"),
        ]

    def test_the_command_that_repeats_a_case(self) -> None:
        run = made.run("windows-selector", knobs={"max_sockets": 64})
        words = shlex.split(content.command(run, "names::text_or_bytes[None-b'127.0.0.1', or, not]"))
        assert words[:5] == ["everyloop", "run", "windows-selector@max_sockets=64", "-v", "-k"]
        assert words[5:] == ["names and text_or_bytes[None-b and 127.0.0.1 and not]"]

    @pytest.mark.once
    def test_that_command_runs_that_case(self, commands: Commands) -> None:
        case = "names::host_and_port_may_be_text_or_bytes[None-b'127.0.0.1']"
        words = shlex.split(content.command(made.run("asyncio"), case))[1:]
        assert commands.run(*words, "-n", "1", "--json", "out.json").status == 0
        assert [result["case"] for result in commands.runs()["asyncio"]["results"]] == [case]

    def test_the_readme_says_what_verdicts_mean(self, root: Path) -> None:
        text = re.sub(r"[`*]", "", (root / "README.md").read_text(encoding="utf-8"))
        for verdict, meaning in judging.MEANINGS.items():
            assert f"| {verdict} | {meaning} |" in text


class TestMarkdown:
    def test_counts_and_what_is_not_as_expected(self) -> None:
        text = markdown.render(Content([RUN]))
        assert text.startswith("## everyloop: 4 not as expected\n")
        assert (
            "| loop | score | pass | fail | unsupported | crash | info | skip | unclean | flaky | known | time |"
            in text
        )
        row = "| `uvloop 0.23.0, Python 3.13.0, linux` | 57.1% | 4 | 2 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 9.1 s |"
        assert row in text.splitlines()
        assert "- **FD-05**: A second add\\_reader() or add\\_writer()" in text
        assert "  - `fail` `readers::broken`\n    - `AssertionError: assert 1 == 2 (readers.py:7) more`\n" in text
        assert "    - `everyloop run uvloop -v -k 'readers and broken'`\n" in text
        assert "What changed" not in text

    def test_against_a_baseline(self, baseline: Baseline) -> None:
        text = markdown.render(Content([RUN], baseline))
        assert text.startswith("## everyloop: 4 not as in the baseline\n")
        assert "readers::known" not in text
        assert "  - `pass` `readers::stale`\n    - expected: `fail` \n" in text

    def test_a_bug_is_linked_unless_its_address_is_none(self, tmp_path: Path) -> None:
        for url, linked in (("https://example.org/1", True), ("javascript:alert(1)", False), ("https://a)[b](", False)):
            path = tmp_path / "known.toml"
            path.write_text(BASELINE.replace("https://example.org/bugs/1", url))
            found = made.run(found=[made.result("readers::known", "crash")])
            text = markdown.render(Content([found], Baseline.read(path)))
            assert (f"([bug]({url}))" in text) is linked
            assert "`it forgets`" in text

    def test_what_changed_since_an_earlier_document(self) -> None:
        earlier = made.run(found=[made.result("readers::good", "fail"), *RUN["results"][1:]], python="3.13.1")
        text = markdown.render(Content([RUN], earlier=[earlier, made.run("rloop")]))
        assert "### What changed: 1 case\n" in text
        assert "- `fail` → `pass` `readers::good` (FD-05)\n" in text
        assert "- gone: `rloop 0.23.0, Python 3.13.0, linux`\n" in text

    def test_nothing_changed(self) -> None:
        good = made.run()
        text = markdown.render(Content([good], earlier=[good]))
        assert text.startswith("## everyloop: all as expected\n")
        assert "### Nothing changed\n" in text

    def test_a_job_summary_is_never_too_large(self) -> None:
        found = [made.result(f"readers::case_{n}", "fail", detail="x" * 10_000) for n in range(3000)]
        text = markdown.render(
            Content([made.run(name, found) for name in "abcde"], earlier=[made.run(name) for name in "abcde"])
        )
        assert len(text.encode()) < 2**20
        assert text.count("\n- `") == text.count("\n  - `fail` `readers::") == 100
        assert "- … and 14905 more: `everyloop compare` shows them" in text
        assert "… and 2900 more: the JSON and the HTML report have them" in text

    def test_hostile_text_is_code(self) -> None:
        text = markdown.render(Content([made.hostile_run()], earlier=[made.run(made.HOSTILE)]))
        assert not set(made.STEERING) & set(text)
        for line in text.splitlines():
            # Outside of code, which a fence of as many backticks ends as began it, nothing of it may be left.
            assert "hacked" not in re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)|<code>[^<]*</code>", "", line)

    def test_no_results(self) -> None:
        assert markdown.render(Content([])) == "## everyloop: no results\n"


def cases_of(text: str) -> dict[str, ElementTree.Element]:
    return {test.attrib["name"]: test for test in ElementTree.fromstring(text).iter("testcase")}


class TestJUnit:
    def test_outcomes(self, baseline: Baseline) -> None:
        text = junit.render(Content([RUN], baseline))
        tests = cases_of(text)
        assert {name: [part.tag for part in test] for name, test in tests.items()} == {
            "good": [],
            "broken": ["failure"],
            "known": ["skipped", "system-out"],
            "stale": ["failure"],
            "lost": ["error"],
            "left": ["failure"],
            "explained": ["skipped", "system-out"],
            "left_out": ["skipped"],
            "seen": ["system-out"],
            "doubtful": [],
        }
        assert tests["good"].attrib == {
            "classname": "uvloop 0_23_0, Python 3_13_0, linux.readers",
            "name": "good",
            "time": "0.250",
        }
        attributes = {name: dict(test[0].attrib) for name, test in tests.items() if len(test)}
        assert attributes["broken"] == {"type": "fail", "message": "AssertionError: assert 1 == 2 (readers.py:7)"}
        assert attributes["known"] == {"type": "fail", "message": "in the baseline: it forgets"}
        assert attributes["stale"] == {"type": "stale", "message": "pass, expected: fail"}
        assert attributes["left"] == {"type": "unclean", "message": "cleanup: descriptor left open: socket"}
        assert attributes["explained"] == {"type": "unsupported", "message": "limit: windows-selector-pipes"}
        assert attributes["left_out"] == {"type": "skip", "message": "no IPv6 here"}
        assert (tests["broken"][0].text or "").endswith("everyloop run uvloop -v -k 'readers and broken'")

    def test_counts(self) -> None:
        root = ElementTree.fromstring(junit.render(Content([RUN, made.run("asyncio")])))
        counts = {"tests": "11", "failures": "3", "errors": "1"}
        assert {key: root.get(key) for key in counts} == counts
        first, second = root
        assert [first.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["10", "3", "1", "2"]
        assert [second.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["1", "0", "0", "0"]
        assert (first.get("timestamp"), first.get("time")) == ("2026-11-22T10:00:00", "9.100")

    def test_only_what_viewers_know(self) -> None:
        """The elements, attributes and times of Jenkins' schema for JUnit, the strictest there is."""
        text = junit.render(Content([RUN, made.hostile_run()]))
        assert text.startswith('<?xml version="1.0" encoding="utf-8"?>\n')
        suite = {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"}
        outcome = {"message", "type"}
        known = {
            "testsuites": {"name", "tests", "failures", "errors", "time"},
            "testsuite": suite,
            "properties": set(),
            "property": {"name", "value"},
            "testcase": {"name", "classname", "time"},
            **dict.fromkeys(("failure", "error", "skipped"), outcome),
            "system-out": set(),
        }
        for element in ElementTree.fromstring(text).iter():
            assert set(element.attrib) == known[element.tag]
            assert re.fullmatch(r"\d+\.\d{3}", element.get("time", "0.000"))

    def test_hostile_text_is_text(self) -> None:
        text = junit.render(Content([made.hostile_run()]))
        assert not set(made.STEERING) & set(text)
        text.encode()
        message = "</script><script>hacked = 1</script>"
        tests = cases_of(text)
        assert all(message in "".join(test.itertext()) + str(test[0].attrib) for test in tests.values())

    def test_no_results(self) -> None:
        assert ElementTree.fromstring(junit.render(Content([]))).get("tests") == "0"


CTRF: dict[str, Any] = {
    "type": "object",
    "required": ["reportFormat", "specVersion", "results"],
    "properties": {
        "reportFormat": {"const": "CTRF"},
        "specVersion": {"pattern": r"^\d+\.\d+\.\d+$"},
        "generatedBy": {"type": "string"},
        "results": {
            "required": ["tool", "summary", "tests"],
            "properties": {
                "tool": {"required": ["name"], "properties": {"name": {"type": "string", "minLength": 1}}},
                "summary": {
                    "required": ["tests", "passed", "failed", "skipped", "pending", "other", "start", "stop"],
                    "additionalProperties": {"type": "integer"},
                },
                "tests": {
                    "items": {
                        "required": ["name", "status", "duration"],
                        "properties": {
                            "name": {"type": "string", "minLength": 1},
                            "status": {"enum": ["passed", "failed", "skipped", "pending", "other"]},
                            "duration": {"type": "integer"},
                            "suite": {"type": "array", "minItems": 1, "items": {"type": "string"}},
                            "tags": {"type": "array", "items": {"type": "string"}},
                            "labels": {"additionalProperties": {"type": ["string", "number", "boolean"]}},
                            "flaky": {"type": "boolean"},
                            **{key: {"type": "string"} for key in ("testId", "rawStatus", "message", "trace")},
                        },
                        "additionalProperties": False,
                    }
                },
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
"""What the specification of CTRF says of the parts that we write."""


class TestCtrf:
    @pytest.mark.parametrize("runs", [[], [RUN], [RUN, made.hostile_run()]], ids=len)
    def test_it_is_as_specified(self, runs: list[Run]) -> None:
        text = ctrf.render(Content(runs))
        jsonschema.validate(json.loads(text), CTRF)
        assert not set(made.STEERING) & set(
            "".join(re.findall(r"[^\n]", json.dumps(json.loads(text), ensure_ascii=False)))
        )

    def test_outcomes(self, baseline: Baseline) -> None:
        results = json.loads(ctrf.render(Content([RUN], baseline)))["results"]
        statuses = {test["name"].partition("::")[2]: test["status"] for test in results["tests"]}
        failed = dict.fromkeys(("broken", "stale", "lost", "left"), "failed")
        passed = dict.fromkeys(("good", "seen", "doubtful"), "passed")
        assert statuses == failed | passed | {"known": "other", "explained": "other", "left_out": "skipped"}
        summary = results["summary"]
        assert [summary[key] for key in ("tests", "passed", "failed", "skipped", "pending", "other", "flaky")] == [
            *(10, 3, 4, 1, 0, 2, 1)
        ]
        assert (summary["start"], summary["stop"]) == (1795341600000, 1795341609100)
        broken = next(test for test in results["tests"] if test["name"] == "readers::broken")
        assert (broken["message"], broken["trace"]) == ("AssertionError: assert 1 == 2 (readers.py:7)", "more")
        assert (broken["rawStatus"], broken["suite"][-1], broken["tags"]) == ("fail", "FD", ["must", "FD-05"])


class TestBadge:
    @pytest.mark.parametrize(
        ("runs", "label", "message", "color"),
        [
            ([made.run()], "uvloop keeps asyncio's promises", "100%", "brightgreen"),
            ([RUN], "uvloop keeps asyncio's promises", "57.1%", "red"),
            ([made.run(), RUN], "uvloop keeps asyncio's promises", "57.1%", "red"),
            ([made.run("asyncio"), RUN], "everyloop", "asyncio 100%, uvloop 57.1%", "red"),
            ([*map(made.run, "abcd"), RUN], "everyloop", "5 loops, 57.1% or more", "red"),
            ([], "everyloop", "no results", "lightgrey"),
        ],
        ids=["one", "a bad one", "one twice", "two", "many", "none"],
    )
    def test_an_endpoint_of_shields(self, runs: list[Run], label: str, message: str, color: str) -> None:
        found = json.loads(badge.render(Content(runs)))
        assert found == {"schemaVersion": 1, "label": label, "message": message, "color": color}


class Elements(HTMLParser):
    """A page as a browser reads it: elements with their attributes, and text outside of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self._inside: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self._inside = [(tag, dict(attrs))]

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style"}:
            self._inside = []

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts.append((self._inside[0][1], data))
        else:
            self.texts.append(data)

    def named(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.elements if name == tag)


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


class TestHtml:
    """The page as a file; tests/browser/ opens it."""

    def test_it_needs_nothing_else(self) -> None:
        page = Elements(html.render(Content([RUN])))
        assert {tag for tag, _ in page.elements}.isdisjoint(
            {"img", "iframe", "object", "embed", "base", "audio", "video"}
        )
        assert [found["href"] for found in page.named("link")] == ["data:,"]
        assert all("src" not in found for found in page.named("script"))
        assert "url(" not in "".join(text for _, text in page.scripts)
        assert "@import" not in "".join(text for _, text in page.scripts)

    def test_its_policy_allows_its_own_script_and_style_only(self) -> None:
        text = html.render(Content([RUN]))
        (policy,) = (
            m["content"] for m in Elements(text).named("meta") if m.get("http-equiv") == "Content-Security-Policy"
        )
        assert policy is not None
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        for tag in ("script", "style"):
            own = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
            assert own
            digest = base64.b64encode(hashlib.sha256(own[1].encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy
        assert not [found for _, found in Elements(text).elements if "style" in found]
        assert not [name for _, found in Elements(text).elements for name in found if name.startswith("on")]

    def test_the_matrix_is_there_without_scripts(self) -> None:
        page = html.render(Content([RUN, made.run("asyncio")]))
        statement = catalogue.behaviours()["FD-05"].statement
        assert re.search(rf'<tr id="FD-05" [^>]*>.*{re.escape(statement.split("(")[0])}', page)
        assert '<td class="crash news">crash <small>1/9</small> <em>unclean</em> <em>flaky</em></td>' in page
        assert '<td class="info good">info</td><td class="none">-</td>' in page
        assert re.search(r"<th[^>]*>FD Readers and writers</th><td>57.1%</td><td>100%</td>", page)
        for verdict, meaning in judging.MEANINGS.items():
            assert f'<dt class="{verdict}">{verdict}</dt><dd>{meaning}</dd>' in page.replace("&#39;", "'")

    def test_columns_are_groups_of_versions_platforms_and_pythons(self) -> None:
        runs = [
            made.run("asyncio", python="3.12.1", version="3.12.1"),
            made.run("asyncio", python="3.13.0", version="3.13.0"),
            made.run("asyncio", python="3.13.0", version="3.13.0", platform="win32"),
            made.run("uvloop"),
            made.run("macos", python="3.13.0", version="3.13.0", platform="darwin", emulated=True),
        ]
        page = html.render(Content(runs))
        heads = re.findall(r'<th scope="col(?:group)?" colspan="(\d)"><span title="[^"]*">([^<]*)</span></th>', page)
        assert heads == [
            *(("3", "asyncio"), ("1", "uvloop"), ("1", "macos")),
            *(("2", "linux"), ("1", "win32"), ("1", "0.23.0 · linux"), ("1", "darwin, emulated")),
            *(("1", f"Python {python}") for python in ("3.12.1", "3.13.0", "3.13.0", "3.13.0", "3.13.0")),
        ]

    def test_the_data_has_every_result(self, baseline: Baseline) -> None:
        data = data_of(html.render(Content([RUN, made.run("asyncio")], baseline)))
        assert [column["slug"] for column in data["columns"]] == [
            "uvloop-0.23.0-3.13.0-linux",
            "asyncio-0.23.0-3.13.0-linux",
        ]
        cases = {case: cells for behaviour in data["behaviours"] for case, _, cells in behaviour["cases"]}
        assert len(cases) == 11
        assert cases["readers::good"] == [0.25, None]
        assert cases["readers::add_reader_replaces_callback"] == [None, 0.002]
        text = dict(enumerate(data["texts"])).get
        verdict, standing, cleanup, limit, detail, flaky, duration, expected, reason, url = cases["readers::known"][0]
        assert (verdict, data["standings"][standing], text(cleanup), limit) == ("fail", "known", "clean", -1)
        assert (text(detail), flaky, duration) == ("it forgot", 0, 0.002)
        assert (text(expected), text(reason), text(url)) == ("fail", "it forgets", "https://example.org/bugs/1")
        assert list(data["limits"]) == ["windows-selector-pipes"]

    def test_two_runs_of_the_same_name_have_links_of_their_own(self) -> None:
        data = data_of(html.render(Content([made.run(), made.run(started="2026-11-23T10:00:00Z")])))
        slugs = [column["slug"] for column in data["columns"]]
        assert slugs == ["uvloop-0.23.0-3.13.0-linux", "uvloop-0.23.0-3.13.0-linux-2"]

    def test_hostile_text_is_text(self) -> None:
        content = Content([made.hostile_run()], probes=[hostile_probe()])
        text = html.render(content)
        page = Elements(text)
        assert len(list(page.named("script"))) == 2
        assert not list(page.named("img"))
        assert text.count("</script>") == 2
        assert not set(made.STEERING) & set(text)
        text.encode()
        (case,) = (case for b in data_of(text)["behaviours"] for case, _, _ in b["cases"] if "hacked" in case)
        assert case.startswith("readers::</script><script>hacked = 1</script><img")
        assert any("<script>hacked = 1</script>" in data for data in page.texts)
        assert "{{ 7 * 7 }}" in "".join(page.texts)

    def test_the_platform_support_table(self) -> None:
        page = html.render(Content([RUN], probes=[probe()]))
        assert '<h2 id="platforms">' in page
        assert re.search(r"watch-pipe<br><small>A pipe can be watched.</small></th><td class=\"\">no: OSError", page)
        assert '<td class="different">≠ 9 sockets<br><small>documented: 511 sockets' in page
        assert '<dt id="limit-windows-selector-sockets-only">' in page
        assert '<h2 id="platforms">' not in html.render(Content([RUN]))

    def test_no_results(self) -> None:
        page = html.render(Content([]))
        assert "There are no results." in page
        assert '<table id="table"' not in page


def probe(**changes: Any) -> Column:
    measurement = {
        "value": "no: OSError [WinError 10038]",
        "number": None,
        "documented": "no: OSError [WinError 10038]",
        "limit": "windows-selector-sockets-only",
        "agreement": "as documented",
        "detail": None,
        "duration": 0.1,
    }
    other = {"value": "9 sockets", "number": 9, "documented": "511 sockets", "limit": None, "agreement": "different"}
    run: Any = {key: value for key, value in made.run("windows-selector").items() if key != "results"}
    measurements = [
        {"capability": "watch-pipe", **measurement},
        {"capability": "sockets-at-once", **measurement, **other},
    ]
    found: Any = {**run, "emulated": True, "measurements": measurements, **changes}
    column: Column = found
    return column


def hostile_probe() -> Column:
    found: Any = probe(backend=made.HOSTILE, version=made.HOSTILE, platform=made.HOSTILE, knobs={made.HOSTILE: 1})
    for measurement in found["measurements"]:
        measurement |= dict.fromkeys(("value", "documented", "limit", "detail"), made.HOSTILE)
    column: Column = found
    return column


class TestReport:
    """``everyloop report``, and the same options of ``everyloop run``."""

    FILES = ("--html", "r.html", "--markdown", "r.md", "--junit", "r.xml", "--ctrf", "r.json", "--badge", "b.json")

    def test_all_formats_of_several_documents(self, tmp_path: Path, cli: Command) -> None:
        made.write(tmp_path / "one.json", RUN)
        made.write(tmp_path / "two.json", made.run("asyncio"), made.run("uvloop", python="3.12.0"))
        (tmp_path / "known.toml").write_text(BASELINE)
        document = {"schema": "everyloop-probe/1", "everyloop": "0.1.0", "probes": [probe()]}
        (tmp_path / "table.json").write_text(json.dumps(document))
        more = ("--baseline", "known.toml", "--earlier", "one.json", "--probe", "table.json")
        done = cli("report", "one.json", "two.json", *self.FILES, *more)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        page = (tmp_path / "r.html").read_text(encoding="utf-8")
        assert "<h1>everyloop: uvloop, asyncio</h1>" in page
        assert "What the platforms can do" in page
        assert "not as in the baseline" in (tmp_path / "r.md").read_text(encoding="utf-8")
        assert "- new: `asyncio 0.23.0" in (tmp_path / "r.md").read_text(encoding="utf-8")
        names = [suite.get("name") for suite in ElementTree.parse(tmp_path / "r.xml").getroot()]
        assert names == [
            "uvloop 0.23.0, Python 3.12.0, linux",
            "uvloop 0.23.0, Python 3.13.0, linux",
            "asyncio 0.23.0, Python 3.13.0, linux",
        ]
        assert json.loads((tmp_path / "r.json").read_text())["results"]["summary"]["suites"] == 3
        assert json.loads((tmp_path / "b.json").read_text())["schemaVersion"] == 1

    @pytest.mark.once
    def test_a_run_reports_too(self, tmp_path: Path, cli: Command) -> None:
        done = cli("run", "asyncio", "-n", "1", "-k", "loop_method_is_present and add_reader", *self.FILES)
        assert (done.returncode, done.stderr) == (0, "")
        assert "surface::loop_method_is_present[add_reader]" in (tmp_path / "r.html").read_text(encoding="utf-8")
        assert (tmp_path / "r.md").read_text(encoding="utf-8").startswith("## everyloop: all as expected\n")
        assert list(cases_of((tmp_path / "r.xml").read_text())) == ["loop_method_is_present[add_reader]"]

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (("report",), "Missing argument 'R.json...'."),
            (("report", "one.json"), "which report? --html F, --markdown F, --junit F, --ctrf F, --badge F"),
            (("report", "no.json", "--html", "r.html"), "cannot read no.json: No such file or directory"),
            (("report", "one.json", "--html", "no/r.html"), "cannot write no/r.html: No such file or directory"),
            (("report", "one.json", "--html", "r.html", "--earlier", "one.json"), "--earlier needs --markdown F"),
            (("report", "one.json", "--junit", "r.xml", "--probe", "one.json"), "--probe needs --html F"),
            (
                ("report", "one.json", "--html", "r.html", "--probe", "one.json"),
                "one.json is no everyloop-probe/1 document: it is everyloop-results/1",
            ),
            (("report", "one.json", "--html", "r.html", "--baseline", "no.toml"), "cannot read no.toml: No such file"),
            (("run", "asyncio", "--junit", "no/r.xml"), "cannot write no/r.xml: No such file or directory"),
        ],
        ids=" ".join,
    )
    def test_a_line_and_status_2(
        self, tmp_path: Path, cli: Command, arguments: tuple[str, ...], complaint: str
    ) -> None:
        made.write(tmp_path / "one.json", RUN)
        done = cli(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"everyloop: {complaint}")
        assert len(done.stderr.splitlines()) == 1
        assert [path.name for path in tmp_path.iterdir()] == ["one.json"]
