"""The ledger of what each reader has read: how far a producer may run ahead of them."""

from pathlib import Path

import pytest

from handflow.runtime.transport.flow_control import CREDIT, Ack, Ledger, packed_ack, reader_of, topic


def told(ledger: Ledger, *, sent: int, readers: int = 1) -> list[str]:
    names = [reader_of(f"reader{number}") for number in range(readers)]
    for name in names:
        ledger.hear(b"\x01" + topic(name), 0)
    for _ in range(sent):
        ledger.count(0)
    return names


def test_the_slowest_reader_decides(tmp_path: Path) -> None:
    ledger = Ledger(by=5)
    first, second = told(ledger, sent=10, readers=2)
    ledger.hear(packed_ack(Ack(first, 5, 9)), 1)
    assert ledger.read() == 0
    ledger.hear(packed_ack(Ack(second, 5, 4)), 1)
    assert ledger.read() == 4
    ledger.hear(b"\x00" + topic(second), 1)
    assert ledger.read() == 9


def test_a_reader_may_be_so_many_behind_and_no_more() -> None:
    ledger = Ledger(by=5)
    (name,) = told(ledger, sent=CREDIT - 1)
    assert not ledger.full()
    ledger.count(0)
    assert ledger.full()
    ledger.hear(packed_ack(Ack(name, 5, 1)), 1)
    assert not ledger.full()


def test_a_reader_that_owed_nothing_was_not_silent() -> None:
    ledger = Ledger(by=5)
    told(ledger, sent=0)
    ledger.count(100)  # after a long pause
    assert ledger.lose_silent(100.5) == []
    assert ledger.lose_silent(101.5) == ["reader0"]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x02", b"\x02\xc1", b"\x07abc", b"\x01x", b"\x00x",
        packed_ack(Ack("x", 5, 2**63)), packed_ack(Ack([1], 5, 1)), packed_ack(Ack("x", 5, "1")),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_what_no_reader_says_changes_nothing(data: bytes) -> None:
    ledger = Ledger(by=5)
    told(ledger, sent=3)
    ledger.hear(data, 1)
    assert (ledger.read(), len(ledger.accounts)) == (0, 1)


def test_an_acknowledgement_of_what_was_never_sent_is_refused() -> None:
    ledger = Ledger(by=5)
    (name,) = told(ledger, sent=3)
    for number in (0, -1, 4):
        ledger.hear(packed_ack(Ack(name, 5, number)), 1)
    assert (ledger.read(), ledger.refused) == (0, 3)
    ledger.hear(packed_ack(Ack(name, 4, 3)), 1)  # meant for the process before this one
    assert (ledger.read(), ledger.refused) == (0, 3)
