"""The Grafana dashboard and the alert rules of the samples: every series that they name is one that a hub exposes."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.standalone.hub import world

DEPLOY = Path(__file__).parents[2] / "samples" / "deploy"
DASHBOARD = json.loads((DEPLOY / "websubhub-dashboard.json").read_text())
ALERTS = (DEPLOY / "websubhub-alerts.yml").read_text()
#: What Prometheus adds to what it scrapes.
ADDED_LABELS = {"instance", "job"}
_SELECTOR = re.compile(r"\b((?:websubhub|process|python)_\w+|up)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)(=~|=)"([^"]*)"')
_GROUPING = re.compile(r"\bby \(([^)]*)\)")


def expressions() -> list[str]:
    """Return every expression of the dashboard and of the alerts."""
    targets = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    queries = [each["query"]["query"] for each in DASHBOARD["templating"]["list"] if isinstance(each["query"], dict)]
    alerts = re.findall(r"^ +expr: (?:>-\n)?((?:.+\n)(?:(?<=\n) {10}.+\n)*)", ALERTS, re.MULTILINE)
    assert len(alerts) == ALERTS.count("- alert:")
    return [*targets, *queries, *alerts]


async def _exposed() -> dict[str, list[dict[str, str]]]:
    """Return the labels of every series of a hub that has just been asked for something that it refuses."""
    async with world() as hub:
        await hub.get("/admin/nothing")
        text = (await hub.get("/metrics")).text
    series: dict[str, list[dict[str, str]]] = {"up": [{}]}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            series.setdefault(sample.name, []).append(sample.labels)
    return series


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_every_series_that_is_named_exists() -> None:
    exposed = await _exposed()
    named = 0
    for expression in expressions():
        labels = set(ADDED_LABELS)
        for name, matchers in _SELECTOR.findall(expression):
            named += 1
            assert name in exposed, expression
            labels |= {label for each in exposed[name] for label in each}
            for label, operator, value in _MATCHER.findall(matchers):
                assert label in labels, expression
                if operator == "=" and label not in ADDED_LABELS:
                    assert any(each.get(label) == value for each in exposed[name]), expression
        for grouping in _GROUPING.findall(expression):
            assert set(grouping.replace(" ", "").split(",")) <= labels, expression
    assert named > 30


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_alert_has_a_name_of_its_own_and_says_what_is_wrong() -> None:
    names = re.findall(r"- alert: (\w+)", ALERTS)
    assert len(set(names)) == len(names) == ALERTS.count("summary:") == ALERTS.count("severity:")
