"""Quick find's words: what a person may type to find a name, in both scripts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca.words import LONGEST, terms_of, words_of

NAMES = (
    "陈晓明",
    "临江县大数据中心",
    "chen.xiaoming@city.gov.cn",
    "www.oa.gov.internal",
    "10.20.30.40",
    "Zhang San",
)


@pytest.mark.parametrize(
    "typed",
    [
        "陈",
        "晓明",
        "明",
        "大数据",
        "chen",
        "xiaoming",
        "CHEN.XIAO",
        "city.gov",
        "oa.gov.internal",
        "10.20.",
        "30.40",
        "san",
        "ｚｈａｎｇ",
        "CN=陈晓明,O=临江县",
        "晓明 中心",
    ],
)
def test_a_name_is_found_by_any_beginning_of_its_words(typed: str) -> None:
    words = words_of(NAMES)
    assert terms_of(typed)
    assert all(any(word.startswith(term) for word in words) for term in terms_of(typed))


@pytest.mark.parametrize("typed", ["晓陈", "hen", "ww.oa", "0.20"])
def test_what_no_word_begins_with_is_not_found(typed: str) -> None:
    words = words_of(NAMES)
    assert not any(word.startswith(term) for word in words for term in terms_of(typed))


@pytest.mark.parametrize("typed", ["%", "(", "   ", "。，", "\0", "\u202e"])
def test_signs_alone_ask_for_nothing(typed: str) -> None:
    assert terms_of(typed) == []


@pytest.mark.parametrize("typed", ["7F:2A:00:C1", "7f 2a 00 c1", "7F2A00C1"])
def test_octets_as_other_programs_show_them_are_one_number(typed: str) -> None:
    assert terms_of(typed) == ["7f2a00c1"]


@given(st.text(max_size=200))
def test_whatever_is_named_is_found_by_its_own_name(name: str) -> None:
    words = words_of([name])
    assert all(len(word) <= LONGEST for word in words)
    assert all(any(word.startswith(term) for word in words) for term in terms_of(name.replace("=", " ")))
