"""When a trunk is left alone, for how long, and what brings it back."""

from __future__ import annotations

from b2bua.calls.breakers import FAILURES, LONGEST_REST, PROBE_PATIENCE, REST, Breakers


def broken(times: int = FAILURES, rest: float = 0.0) -> Breakers:
    breakers = Breakers()
    for at in range(times):
        breakers.failed("carrier", "sip:ben@x", "503 Down", float(at), may_be_his=False, rest=rest)
    return breakers


END = float(FAILURES - 1)


def test_it_rests_after_so_many_failures_in_a_row() -> None:
    assert not broken(FAILURES - 1).resting("carrier", END)
    why = broken().resting("carrier", END)
    assert why == f"the trunk carrier rests after {FAILURES} failures in a row, the last: 503 Down"
    assert not broken().resting("another", END) and not broken().resting("", END)


def test_a_word_of_somebody_begins_the_count_anew() -> None:
    breakers = broken(FAILURES - 1)
    breakers.lives("carrier")
    breakers.failed("carrier", "sip:ben@x", "503 Down", END, may_be_his=False)
    assert not breakers.resting("carrier", END)


def test_one_call_is_let_through_after_the_rest() -> None:
    breakers = broken()
    later = END + REST
    assert not breakers.resting("carrier", later) and breakers.resting("carrier", later)
    breakers.failed("carrier", "sip:ben@x", "no response", later + 4.0, may_be_his=False)
    assert "no response" in breakers.resting("carrier", later + 4.0 + REST - 0.1)
    assert not breakers.resting("carrier", later + 4.0 + REST)
    breakers.lives("carrier")
    assert not breakers.resting("carrier", later + 4.0 + REST) and not breakers.states(later)


def test_a_call_that_was_let_through_and_given_up_does_not_close_it_for_ever() -> None:
    """Its caller hung up before the trunk had said anything."""
    breakers = broken()
    breakers.resting("carrier", END + REST)
    assert breakers.resting("carrier", END + REST + PROBE_PATIENCE - 0.1)
    assert not breakers.resting("carrier", END + REST + PROBE_PATIENCE)


def test_retry_after_makes_the_rest_longer_but_not_for_ever() -> None:
    assert broken(rest=100.0).resting("carrier", END + 99.0)
    assert not broken(rest=100.0).resting("carrier", END + 100.0)
    assert not broken(rest=1e5).resting("carrier", END + LONGEST_REST)


def test_one_person_who_always_declines_is_not_the_trunk() -> None:
    breakers = Breakers()
    for _ in range(3 * FAILURES):
        breakers.failed("carrier", "sip:ben@x", "603 Decline", 0.0, may_be_his=True)
    assert not breakers.resting("carrier", 0.0)
    breakers.failed("carrier", "sip:ana@x", "603 Decline", 0.0, may_be_his=True)
    assert breakers.resting("carrier", 0.0)


def test_how_it_is_told() -> None:
    assert broken(FAILURES + 3).noticed == [("carrier", "503 Down")] and not broken(FAILURES - 1).noticed
    assert broken().states(END + 10.0) == {"carrier": f"rests for 20 s more after {FAILURES} failures: 503 Down"}
    assert not Breakers().states(0.0)
