"""Messages out of TCP streams, however they are framed and cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from siem.parsing.framing import Frame, Framer


def frames(*chunks: bytes, longest: int = 100) -> list[Frame]:
    framer = Framer(longest)
    return [frame for chunk in chunks for frame in framer.feed(chunk)] + framer.finish()


def test_octet_counting() -> None:
    assert frames(b"8 <1>first9 <1>se\nond") == [Frame(b"<1>first"), Frame(b"<1>se\nond")]


def test_line_feeds_with_and_without_carriage_return() -> None:
    assert [f.data.rstrip() for f in frames(b"<1>a\r\n<1>b\n\n<1>c")] == [b"<1>a", b"<1>b", b"<1>c"]


def test_nul_after_each_message() -> None:
    assert frames(b"<1>a\0<1>b\0") == [Frame(b"<1>a"), Frame(b"<1>b")]


def test_a_line_that_begins_with_a_number_is_no_count() -> None:
    assert frames(b"2026-11-23 09:00:00 host app: x\n") == [Frame(b"2026-11-23 09:00:00 host app: x")]
    assert frames(b"12 monkeys\n") == [Frame(b"12 monkeys")]


def test_too_long_a_message_is_cut_marked_and_the_next_one_whole() -> None:
    assert frames(b"x" * 250 + b"\nnext\n") == [Frame(b"x" * 100, True), Frame(b"next")]
    counted = b"250 <" + b"y" * 249 + b"4 <1>z"
    assert frames(counted) == [Frame(b"<" + b"y" * 99, True), Frame(b"<1>z")]


def test_an_endless_line_does_not_grow_in_memory() -> None:
    framer = Framer(100)
    found = [frame for _ in range(1000) for frame in framer.feed(b"z" * 90)]
    assert [frame.truncated for frame in found] == [True]
    assert len(framer._buffer) <= 190


def test_a_sender_that_loses_count_loses_no_line() -> None:
    assert [f.data for f in frames(b"5 <1>ab<1>c\n<1>d\n")] == [b"<1>ab", b"<1>c", b"<1>d"]


def test_a_counted_message_that_was_broken_off_is_kept_and_marked() -> None:
    assert frames(b"20 <1>half") == [Frame(b"<1>half", True)]


@given(
    st.lists(st.binary(min_size=1, max_size=60).map(lambda b: b"<1>" + b.hex().encode()), max_size=8),
    st.data(),
)
def test_the_cut_of_the_stream_changes_nothing(messages: list[bytes], data: st.DataObject) -> None:
    for stream in (b"".join(b"%d %s" % (len(m), m) for m in messages), b"".join(m + b"\n" for m in messages)):
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
        chunks = [stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])]
        assert [frame.data for frame in frames(*chunks, longest=1000)] == messages


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_any_bytes_end_in_frames_within_the_limit(chunks: list[bytes]) -> None:
    assert all(len(frame.data) <= 300 * 6 for frame in frames(*chunks))
