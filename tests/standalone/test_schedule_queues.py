from hypothesis import given
from hypothesis import strategies as st

from websubhub.standalone.schedule.queues import DueTimes, SubscriptionQueue


@given(st.lists(st.one_of(st.none(), st.integers(0, 2**60))))
def test_a_queue_is_first_in_first_out(steps: list[int | None]) -> None:
    queue, model = SubscriptionQueue(), list[tuple[int, int]]()
    for step in steps:
        if step is not None:
            queue.push(step, step + 1)
            model.append((step, step + 1))
        elif model:
            assert queue.pop() == model.pop(0)
        assert len(queue) == len(model)


def test_a_queue_gives_space_back() -> None:
    queue = SubscriptionQueue()
    for number in range(100_000):
        queue.push(1, number)
    for number in range(99_000):
        assert queue.pop() == (1, number)
    assert len(queue._values) < 5000
    assert queue.pop() == (1, 99_000)


@given(st.lists(st.floats(0, 1000), max_size=30), st.lists(st.floats(0, 1000), max_size=10))
def test_pairs_come_when_they_are_due_and_not_before(dues: list[float], looks: list[float]) -> None:
    times = DueTimes()
    for number, due in enumerate(dues):
        times.add(due, 1, number)
    seen = set[int]()
    for now in sorted(looks):
        for _, number in times.take(now, 1000):
            assert dues[number] <= now
            assert number not in seen
            seen.add(number)
        assert all(number in seen for number, due in enumerate(dues) if due < now - 0.1)
    seen |= {number for _, number in times.take(2000, 1000)}
    assert seen == set(range(len(dues)))
    assert not list(times.take(2000, 1000))


def test_no_more_than_the_limit_are_taken_at_once() -> None:
    times = DueTimes()
    for number in range(10):
        times.add(5.0, 1, number)
    assert len(list(times.take(6.0, 4))) == 4
    assert times.next_due() == 5.0
    assert len(list(times.take(6.0, 40))) == 6
