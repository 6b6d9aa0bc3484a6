"""A hub, its publishers and its subscribers over TLS and HTTP/2, with certificates of one's own."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import attrs
import httpx
import pytest
import trustme

from tests.conformance.hubs import TOPIC, Hub, RawCallback, a_subscription, form_of, served, subscription_fields
from tests.waiting import PATIENCE, until
from websubhub import (
    Acknowledgement,
    ContentDeliveryError,
    ContentDistributionMessage,
    HubClient,
    HubConfig,
    HubListener,
    PublisherClient,
    SubscriptionDeletedError,
    UpdateMessage,
)
from websubhub.testing import RecordingSubscriber


@attrs.frozen
class Certificates:
    """A certificate for this machine, and the context that trusts it."""

    certfile: str
    keyfile: str
    trust: ssl.SSLContext

    @property
    def server(self) -> dict[str, Any]:
        return {"certfile": self.certfile, "keyfile": self.keyfile}

    def client(self, **settings: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(verify=self.trust, trust_env=False, **settings, timeout=PATIENCE)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder: Path = tmp_path_factory.mktemp("certificates")
    authority, trust = trustme.CA(), ssl.create_default_context()
    made = authority.issue_cert("127.0.0.1", "localhost")
    made.private_key_pem.write_to_path(str(folder / "key.pem"))
    for number, pem in enumerate(made.cert_chain_pems):
        pem.write_to_path(str(folder / "chain.pem"), append=number > 0)
    authority.configure_trust(trust)
    return Certificates(str(folder / "chain.pem"), str(folder / "key.pem"), trust)


@asynccontextmanager
async def hub_at(hub: Any, certificates: Certificates) -> AsyncIterator[str]:
    """A hub over TLS that trusts the callbacks of these tests; the value is its URL."""
    async with certificates.client() as callbacks, HubListener(0, client=callbacks, **certificates.server) as listener:
        listener.attach(hub, "/hub", config=HubConfig(verification_delays=(0.0,)))
        yield await listener.start() + "/hub"


@pytest.mark.spec("SEC-01")
@pytest.mark.parity("H88", "H89")
@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
async def test_subscriptions_over_tls(certificates: Certificates, *, http2: bool) -> None:
    hub = Hub()
    async with hub_at(hub, certificates) as url, certificates.client(http2=http2, http1=not http2) as client:
        assert url.startswith("https://127.0.0.1:")
        for mode in ("subscribe", "unsubscribe"):
            response = await client.post(url, data=subscription_fields(mode=mode))
            assert response.status_code == 202
            assert form_of(response) == {"hub.mode": "accepted"}
            assert response.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert hub.message("on_subscription").hub == url


@pytest.mark.spec("SEC-01")
@pytest.mark.parity("H84", "H85", "H86", "H87", "H126")
async def test_a_publisher_over_tls(certificates: Certificates) -> None:
    hub = Hub()
    async with (
        hub_at(hub, certificates) as url,
        certificates.client() as http,
        PublisherClient(url, client=http) as client,
    ):
        await client.register_topic(TOPIC)
        await client.notify_update(TOPIC)
        await client.publish_update(TOPIC, {"a": 1})
        await client.deregister_topic(TOPIC)
    assert hub.called == ["on_register_topic", "on_update_message", "on_update_message", "on_deregister_topic"]


@pytest.mark.spec("SEC-01")
@pytest.mark.parity("H41", "H126")
async def test_an_https_callback_is_verified_with_the_given_trust(certificates: Certificates) -> None:
    hub, subscriber = Hub(), RecordingSubscriber()
    async with served(subscriber, **certificates.server) as base, hub_at(hub, certificates) as url:
        assert base.startswith("https://")
        async with certificates.client() as client:
            await client.post(url, data=subscription_fields(callback=f"{base}/c"))
        await subscriber.wait_until(lambda: subscriber.verifications)
    assert hub.called[-1] == "on_subscription_intent_verified"


@pytest.mark.spec("SEC-01")
async def test_an_https_callback_that_is_not_trusted_is_neither_verified_nor_delivered_to(
    certificates: Certificates,
) -> None:
    hub, callback = Hub(), RawCallback()
    async with served(callback, **certificates.server) as base, HubListener(0) as listener:
        listener.attach(hub, "/hub")
        url = await listener.start()
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
            await client.post(f"{url}/hub", data=subscription_fields(callback=f"{base}/c"))
        subscription = a_subscription(hub=f"{url}/hub", callback=f"{base}/c", secret="s")
        async with HubClient(subscription) as deliveries:
            with pytest.raises(ContentDeliveryError) as caught:
                await deliveries.notify_content_distribution(ContentDistributionMessage(content=b"x"))
        await listener.immediate_stop()
    assert caught.value.status == 0
    assert "on_subscription_intent_verified" not in hub.called
    assert not callback.requests


@pytest.mark.spec("SEC-01", "H-24")
@pytest.mark.parity("H79", "H80", "H81", "H82")
@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        ("grün", "text/plain; charset=utf-8"),
        ({"a": 1}, "application/json"),
        (Element("a"), "application/xml"),
        (bytes(range(256)), "application/octet-stream"),
    ],
)
async def test_deliveries_over_tls(certificates: Certificates, content: Any, content_type: str) -> None:
    subscriber = RecordingSubscriber(secret="s")
    async with served(subscriber, **certificates.server) as base, certificates.client() as http:
        client = HubClient(a_subscription(callback=f"{base}/c", secret="s"), client=http)
        success = await client.notify_content_distribution(ContentDistributionMessage(content=content))
    assert success.status == 202
    (delivery,) = subscriber.deliveries
    assert (delivery.signature, delivery.headers["content-type"]) == (True, content_type)


@pytest.mark.parity("H83")
async def test_410_over_tls(certificates: Certificates) -> None:
    subscriber = RecordingSubscriber()
    subscriber.statuses = [410]
    async with served(subscriber, **certificates.server) as base, certificates.client() as http:
        client = HubClient(a_subscription(callback=f"{base}/c"), client=http)
        with pytest.raises(SubscriptionDeletedError):
            await client.notify_content_distribution(ContentDistributionMessage(content=b"x"))


class DeliveringHub(Hub):
    """Delivers each update, as it arrives, to everyone who has subscribed."""

    def __init__(self, deliveries: httpx.AsyncClient) -> None:
        super().__init__()
        self.deliveries = deliveries

    async def on_update_message(self, message: UpdateMessage) -> Acknowledgement:
        update = ContentDistributionMessage(content=message.body, content_type=message.content_type)
        for subscription in self.messages("on_subscription_intent_verified"):
            await HubClient(subscription, client=self.deliveries).notify_content_distribution(update)
        return Acknowledgement()


@pytest.mark.spec("SEC-01", "H-03", "H-44")
@pytest.mark.parity("H42", "HU7")
async def test_a_hub_delivers_over_tls_out_of_its_update_hook(certificates: Certificates) -> None:
    subscriber = RecordingSubscriber(secret="s")
    async with served(subscriber, **certificates.server) as base, certificates.client() as http:
        hub = DeliveringHub(http)
        async with hub_at(hub, certificates) as url:
            await http.post(url, data=subscription_fields(callback=f"{base}/c", secret="s"))
            await until(lambda: hub.messages("on_subscription_intent_verified"))
            await PublisherClient(url, client=http).publish_update(TOPIC, b"<feed/>", "application/atom+xml")
            await http.aclose()
    (delivery,) = subscriber.deliveries
    assert (delivery.body, delivery.signature) == (b"<feed/>", True)
    assert delivery.headers["content-type"] == "application/atom+xml"
    assert delivery.headers["link"] == f'<{url}>; rel="hub", <{TOPIC}>; rel="self"'
