"""Connections that are kept leave room for unanswered ones, and do not come and go with their number."""

import anyio

from tests.waiting import until
from tests.websubhub.distribution.peers import CONTENT, EngineClock, hang, open_engine, peer
from tests.websubhub.distribution.test_idle import call, peers
from tests.websubhub.distribution.test_shares import Outcomes
from websubhub._distribution.delivery import Delivery


async def test_room_that_was_made_for_an_unanswered_one_stays_free_for_a_while(clock: EngineClock) -> None:
    with peers(4) as servers, peer(hang) as silent:
        async with open_engine(connections=1, idle_connections=3, idle_seconds=10_000, total_seconds=3_000) as engine:
            assert await call(engine, servers, "012") == [1, 1, 1, 0]
            for turn in range(3):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(engine.send, [Delivery(callback=silent.url, content=CONTENT)], Outcomes())
                    await until(lambda: engine.statistics().busy == 1)
                    clock.put_forward(1)
                    await until(lambda: engine.statistics().aside == 1)
                    await until(lambda: engine.statistics().idle == 2)
                    tasks.cancel_scope.cancel()
                assert await call(engine, servers, "12") == [1, 1, 1, 0], f"only the oldest was closed, in turn {turn}"
            await call(engine, servers, "3")
            assert engine.statistics().idle == 2, "nobody takes the room"
            clock.put_forward(100)
            await call(engine, servers, "3")
            assert engine.statistics().idle == 3, "until there was no unanswered one for long"
