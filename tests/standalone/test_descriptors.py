"""A hub that may open no more files goes on, and delivers once it may."""

import pytest

from tests.descriptors import no_descriptors_left
from tests.standalone.hub import world
from tests.waiting import until

TOPIC = "https://topic.example/"


@pytest.mark.threat("DOS-15")
async def test_an_update_that_comes_while_no_descriptor_is_left_arrives_later() -> None:
    async with world(retry_delays=(0.05,) * 100) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        with no_descriptors_left():
            assert (await hub.publish(TOPIC, b"waits")).status_code == 200
            while not (failing := (await hub.get("/admin/deliveries")).json()["failing"]):
                pass
            assert failing[0]["reason"] == "no file descriptor left"
            hosts = (await hub.get("/admin/hosts")).json()["hosts"]
            assert not any(host.get("failures") for host in hosts)
        await until(lambda: subscriber.deliveries)
        assert subscriber.deliveries[0].body == b"waits"
