"""A hub over TLS stops at once, whoever stays connected; what it waits for, a fake clock tells to the second."""

import anyio

from tests.clock import anyio_backend_with_fake_clock as anyio_backend  # noqa: F401 - the event loops of this module
from tests.conformance.hubs import TOPIC, Hub
from tests.journeys.test_hub_over_tls import Certificates, hub_at
from tests.journeys.test_hub_over_tls import certificates as certificates  # noqa: PLC0414 - a fixture


async def test_a_hub_stops_at_once_though_a_client_stays_connected(certificates: Certificates) -> None:
    async with certificates.client() as client:
        async with hub_at(Hub(), certificates) as url:
            assert (await client.post(url, data={"hub.mode": "register", "hub.topic": TOPIC})).status_code == 200
            stopping = anyio.current_time()
        assert anyio.current_time() - stopping < 2
