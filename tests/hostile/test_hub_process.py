"""A hub in a process of its own, public as far as it knows, is attacked over real sockets.

One process is shared by all that is tried: what one attack leaves behind is there for the next, as in life.
"""

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlencode

import attrs
import httpx
import pytest

from tests.hostile.hosts import PUBLIC_ADDRESS, Host, exchange, host_at
from tests.ports import held_port
from tests.standalone.process import ADMIN, Served, served
from tests.waiting import PATIENCE, until_in_thread
from tests.websub.test_smuggling import CASES, statuses_of
from tests.websub.test_urls import REFUSED

FORM = "application/x-www-form-urlencoded"
TOKEN = "publisher-token-of-the-tests"
TOPIC = "https://topic.example/"
BEARER = {"Authorization": f"Bearer {ADMIN}"}
#: The names of this machine that no URL tells to be such, where the system knows any.
LOCAL_NAMES = ["ip6-localhost", "ip6-loopback", "localhost.localdomain", socket.gethostname()]
INSIDE = [
    *("127.0.0.1", "localhost", "LOCALHOST.", "a.localhost", "127.1", "127.255.255.254", "0", "0.0.0.0", "0.0.0.1"),  # noqa: S104
    *("2130706433", "0x7f000001", "0177.0.0.1", "017700000001", "0x7f.1", "127.0.0.1."),
    *("127\u30020\u30020\u30021", "\uff11\uff12\uff17.\uff10.\uff10.\uff11", "\u2460\u2461\u2466.0.0.1"),
    *(
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:0:127.0.0.1]",
    ),
    *("[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[64:ff9b:2::1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[4000::1]"),
    *("10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.100.100.200", "192.0.0.192"),
    *("[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25lo]", "[fec0::1]", "[fc00::1]"),
    *(
        "224.0.0.1",
        "[ff02::1]",
        "255.255.255.255",
        "240.0.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "[2001:db8::1]",
        "[3fff::1]",
    ),
    *("u:p@127.0.0.1", "a@b@127.0.0.1", "127.0.0.1\\@example.com", "example.com\\@127.0.0.1", "127.0.0.3"),
]


@attrs.frozen
class Attacked:
    """The hub, and whom it may and may not call."""

    port: int
    process: Served
    client: httpx.Client
    good: Host
    canary: Host

    @property
    def callback(self) -> str:
        return f"http://{PUBLIC_ADDRESS}:{self.good.port}/callback"

    def ask(self, **fields: str) -> httpx.Response:
        form = {f"hub.{name}": value for name, value in fields.items()}
        return self.client.post("/hub", content=urlencode(form), headers={"Content-Type": FORM})

    def subscribe(self, topic: str, callback: str) -> int:
        return self.ask(mode="subscribe", topic=topic, callback=callback).status_code

    def metric(self, line: str) -> bool:
        return line in self.client.get("/metrics").text.splitlines()


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    folder = tmp_path_factory.mktemp("hub")
    with held_port() as port, host_at(PUBLIC_ADDRESS) as good, host_at() as canary:
        arguments = ["--port", str(port), "--public-url", "https://hub.example.com/hub", "--publisher-token", TOKEN]
        arguments += ["--allow-network", f"{PUBLIC_ADDRESS}/32", "--log-format", "json", "--log-level", "debug"]
        with (
            served(folder, *arguments) as process,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client,
        ):
            yield Attacked(port, process, client, good, canary)


@pytest.mark.threat("SSRF-1", "SSRF-2", "SSRF-3", "SSRF-4", "SSRF-5", "SSRF-6", "SSRF-7", "SSRF-16", "SSRF-18")
@pytest.mark.threat("SSRF-11", "SSRF-12", "SSRF-13", "SSRF-21", "SSRF-22")
def test_nothing_inside_is_called(attacked: Attacked) -> None:
    hub, there = attacked, f"http://127.0.0.1:{attacked.canary.port}/canary"
    assert hub.subscribe(TOPIC, "https://hub.example.com/hub?again") == 400, "the hub itself"
    for host in INSIDE:
        answer = hub.ask(mode="subscribe", topic=TOPIC, callback=f"http://{host}:{hub.canary.port}/hub")
        assert answer.status_code == 400, host
        assert not [word for word in ("refused", "timed", "unreachable") if word in answer.text]
    for name in LOCAL_NAMES:
        assert hub.subscribe(TOPIC, f"http://{name}:{hub.canary.port}/canary") == 202, "that takes a look at names"
    for number, host in enumerate([*INSIDE, *LOCAL_NAMES]):
        topic = f"http://{host}:{hub.canary.port}/canary"
        assert hub.subscribe(topic, f"{hub.callback}/{number}") in {202, 400}
        assert hub.ask(mode="publish", url=topic).status_code in {200, 400}
    hub.good.moved |= dict.fromkeys(("/verify", "/callback/moved", "/topic/moved"), there)
    good = f"http://{PUBLIC_ADDRESS}:{hub.good.port}"
    for topic, callback in ((TOPIC, "/verify"), (TOPIC, "/callback/moved"), (f"{good}/topic/moved", "/callback/last")):
        assert hub.subscribe(topic, good + callback) == 202
    until_in_thread(lambda: "GET /callback/last" in hub.good.asked)
    until_in_thread(lambda: not hub.client.get("/admin/topics", headers=BEARER).text.count("moved") < 1)
    assert hub.ask(mode="publish", url=f"{good}/topic/moved").status_code == 200
    published = hub.client.post(
        "/hub",
        params={"hub.mode": "publish", "hub.topic": TOPIC},
        content=b"x",
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "text/plain"},
    )
    assert published.status_code == 200
    until_in_thread(lambda: "POST /callback/moved" in hub.good.asked and "GET /topic/moved" in hub.good.asked)
    failing = hub.client.get("/admin/announcements", headers=BEARER).json()["announcements"]
    assert failing, "topics inside were announced, and were not fetched"
    assert hub.canary.asked == []


@pytest.mark.threat(
    "SMG-1", "SMG-2", "SMG-4", "SMG-5", "SMG-6", "SMG-7", "SMG-8", "SMG-9", "SMG-10", "SMG-11", "SMG-12"
)
@pytest.mark.threat("SMG-13", "SMG-14", "SMG-15", "FORM-9")
def test_no_request_is_read_as_two(attacked: Attacked) -> None:
    wrong = {}
    for case, (request, expected) in CASES.items():
        answered = statuses_of(exchange(attacked.port, request, patience=PATIENCE))
        # What is sound is a request like any other, and refused for what it asks.
        told = [200 if status in {401, 404, 405, 415} else status for status in answered]
        if told != expected:
            wrong[case] = answered
    assert wrong == {}
    assert attacked.client.get("/health").status_code == 200


FORMS: dict[bytes, int] = {
    b"hub.mode=subscribe&hub.mode=unsubscribe&hub.topic=https://t/&hub.callback=https://s/": 400,
    b"hub.mode=subscribe&hub.topic=https://t/&hub.callback=https://s/&hub.callback=https://r/": 400,
    b"hub.mode=subscribe&hub.topic=https://t/&hub.callback=https://s/&hub.secret=a&hub.secret=b": 400,
    b"hub.mode=SUBSCRIBE&hub.topic=https://t/&hub.callback=https://s/": 400,
    b"hub.mode=%20subscribe&hub.topic=https://t/&hub.callback=https://s/": 400,
    b"hub.mode=denied&hub.topic=https://t/&hub.callback=https://s/": 400,
    b"hub.mode=subscribe&hub.topic=%FF&hub.callback=https://s/": 400,
    b"hub.mode=subscribe&hub.topic=https://t/%0D%0AX:y&hub.callback=https://s/": 400,
    b"hub.mode=subscribe&hub.topic=https://t/%E2%80%AE&hub.callback=https://s/": 400,
    b"hub.mode=subscribe&hub.topic=https://t/%3E;rel=hub,%3Chttps://e/&hub.callback=https://s/": 400,
    b"hub.mode=subscribe&hub.topic=https://t/&hub.callback=https://s/%0D%0A": 400,
    b"hub.mode=subscribe&hub.topic=https://t/&hub.callback=https://s/&hub.lease_seconds=-1": 400,
    b"hub.mode=subscribe&hub.topic=https://t/&hub.callback=https://s/&hub.lease_seconds=%D9%A3": 400,
    b"hub.mode=subscribe&hub.topic=https://t/&hub.callback=https://s/&hub.secret=%00": 400,
    b"hub.mode=subscribe&hub.topic=https://t/&hub.callback=https://s/&hub.secret=" + b"x" * 200: 400,
    b"x=1&" * 51 + b"hub.mode=subscribe": 400,
    b"x=" + b"y" * 70_000: 413,
    b"": 400,
}
HEADERS: list[tuple[dict[str, str], int]] = [
    ({"Content-Type": "application/json"}, 415),
    ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
    ({"Content-Type": f"{FORM}; charset=latin-1"}, 400),
    ({"Content-Type": FORM, "Content-Encoding": "gzip"}, 415),
]


@pytest.mark.threat(
    "FORM-1", "FORM-2", "FORM-5", "FORM-6", "FORM-7", "FORM-8", "FORM-12", "HI-1", "HI-2", "HI-3", "HI-6"
)
@pytest.mark.threat("URL-1", "URL-2", "URL-5", "URL-6", "URL-7")
def test_what_is_wrong_is_refused_in_one_sentence_that_repeats_nothing(attacked: Attacked) -> None:
    answers = [
        (attacked.client.post("/hub", content=form, headers={"Content-Type": FORM}), expected)
        for form, expected in FORMS.items()
    ]
    answers += [
        (attacked.client.post("/hub", content=b"hub.mode=subscribe", headers=headers), expected)
        for headers, expected in HEADERS
    ]
    answers += [
        (attacked.ask(mode="subscribe", topic=TOPIC, callback=url), 400)
        for urls in REFUSED.values()
        for url in urls
        if url and "\ud800" not in url
    ]
    for answer, expected in answers:
        assert answer.status_code == expected, answer.request.content[:200]
        assert answer.text.count("\n") <= 1
        assert len(answer.text) < 200
        assert "evil" not in answer.text


@pytest.mark.threat("DOS-17", "SEC-1")
def test_guesses_open_nothing(attacked: Attacked) -> None:
    hub = attacked
    statuses = [
        hub.client.get("/admin/topics", headers={"Authorization": f"Bearer {ADMIN[:-1]}{number}"}).status_code
        for number in range(15)
    ]
    assert statuses == [401] * 10 + [429] * 5
    assert hub.client.get("/admin/topics").status_code == 401
    assert hub.client.get("/admin/topics", headers={"Authorization": f"Basic {ADMIN}"}).status_code == 401
    assert hub.client.post("/hub", params={"hub.mode": "publish", "hub.topic": TOPIC}, content=b"x").status_code == 401
    assert hub.ask(mode="register", topic=TOPIC).status_code == 401
    assert hub.client.get("/admin/topics", headers=BEARER).status_code == 200


@pytest.mark.threat("LI-1", "LI-2", "CAP-2", "SEC-1", "SEC-2")
def test_the_log_is_one_object_a_line_whatever_came(attacked: Attacked) -> None:
    agent = {"User-Agent": 'x\x1b[2J"', "Content-Type": FORM}
    form = {"hub.mode": "publish", "hub.url": f"{attacked.callback}?%0A[ERROR]%20fake"}
    attacked.client.post("/hub", data=form, headers=agent)
    callback = f"{attacked.callback}?marker-of-a-capability"
    assert attacked.subscribe(TOPIC, callback) == 202
    until_in_thread(lambda: "marker" in attacked.client.get("/admin/subscriptions", headers=BEARER).text)
    log = attacked.process.log
    entries = [json.loads(line) for line in log.splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(entry) for entry in entries)
    assert not [entry for entry in entries if entry["level"] in {"error", "critical"}]
    assert log.replace("\n", "").isprintable()
    assert not [secret for secret in (ADMIN, TOKEN, "marker-of-a-capability") if secret in log]
