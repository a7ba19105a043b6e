"""JUnit's XML, for the test viewers of CI systems: a suite for each run, a test for each case."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from .. import results
from ..escaping import line, lines
from ..judging import MEANINGS
from .content import Content, Judged, command

_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
_ERRORS = frozenset({"crash", "hang", "error"})


def render(content: Content) -> str:
    """Return the XML; what a limit explains or a baseline expects is a skipped test, as in pytest."""
    root = ElementTree.Element("testsuites", name="everyloop")
    total = dict.fromkeys(("tests", "failures", "errors"), 0)
    for run in content.runs:
        suite = ElementTree.SubElement(root, "testsuite")
        name = line(results.label(run))
        properties = ElementTree.SubElement(suite, "properties")
        for key in ("backend", "version", "loop", "python", "platform", "host"):
            ElementTree.SubElement(properties, "property", name=key, value=line(run[key]))
        kinds = []
        for judged in content.judged(run):
            test = ElementTree.SubElement(suite, "testcase", _names(name, judged))
            found = list(_outcome(judged))
            test.extend(found)
            kinds += [element.tag for element in found]
        count = {"tests": len(run["results"]), "failures": kinds.count("failure"), "errors": kinds.count("error")}
        suite.attrib |= {"name": name, **{key: str(value) for key, value in count.items()}}
        suite.attrib |= {
            "skipped": str(kinds.count("skipped")),
            "time": f"{run['duration']:.3f}",
            "timestamp": run["started"].removesuffix("Z"),
            "hostname": line(run["host"]),
        }
        total = {key: value + count[key] for key, value in total.items()}
    root.attrib |= {key: str(value) for key, value in total.items()}
    root.set("time", f"{sum(run['duration'] for run in content.runs):.3f}")
    ElementTree.indent(root)
    return f"{_DECLARATION}{ElementTree.tostring(root, encoding='unicode')}\n"


def _names(suite: str, judged: Judged) -> dict[str, str]:
    module, _, name = line(judged.result["case"]).partition("::")
    # Viewers make a tree of the dots, and tell tests of several suites apart by this name alone.
    place = suite.replace(".", "_")
    return {"classname": f"{place}.{module}", "name": name, "time": f"{judged.result['duration']:.3f}"}


def _outcome(judged: Judged) -> Iterator[ElementTree.Element]:
    result = judged.result
    verdict = result["verdict"]
    said = lines(result["detail"] or "")
    if judged.is_unclean:
        said = f"cleanup: {line(result['cleanup'])}\n{said}".strip()
    message = said.partition("\n")[0] or MEANINGS.get(verdict, "")
    if judged.standing == "news":
        if verdict in {"pass", "info"}:
            stale = judged.expected is not None and verdict not in judged.expected.verdicts
            kind, verdict = "failure", "stale" if stale else "unclean"
            message = f"{result['verdict']}, expected: {judged.expected}" if stale else message
        else:
            kind = "error" if verdict in _ERRORS else "failure"
        element = ElementTree.Element(kind, type=verdict, message=line(message))
        element.text = "\n".join(filter(None, [said, f"{result['behaviour']}: {command(judged.run, result['case'])}"]))
        element.text = lines(element.text)
        yield element
    elif judged.standing != "good" or verdict == "skip":
        why = {"explained": f"limit: {result['limit']}", "known": "in the baseline"}.get(judged.standing, message)
        if judged.expected is not None and judged.expected.reason:
            why = f"{why}: {judged.expected.reason}"
        yield ElementTree.Element("skipped", type=verdict, message=line(why))
        if said and judged.standing != "good":
            yield _output(said)
    elif said:
        yield _output(said)


def _output(said: str) -> ElementTree.Element:
    element = ElementTree.Element("system-out")
    element.text = said
    return element
