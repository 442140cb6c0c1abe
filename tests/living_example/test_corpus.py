"""The training data are the same bytes today as when the adapters were trained."""

import json

import pytest

from living_example.corpus import base_pairs, canonical_jsonl, dataset_digest, demonstrations, pairs

ANSWERS = {"count": "1", "customers": "2", "revenue": "3"}


def test_the_data_of_the_base_keep_their_digest() -> None:
    assert dataset_digest(base_pairs()) == "sha256:7f4dcc51f33b54553d6221ca98ba150f361467bec807d2b3abd577e4583545e6"


def test_the_order_in_which_answers_are_written_does_not_change_the_digest() -> None:
    backwards = dict(reversed(ANSWERS.items()))
    assert dataset_digest(pairs("sql", backwards)) == dataset_digest(pairs("sql", ANSWERS))


def test_one_changed_answer_changes_the_digest() -> None:
    assert dataset_digest(pairs("sql", ANSWERS | {"count": "4"})) != dataset_digest(pairs("sql", ANSWERS))


def test_a_row_is_one_line_of_json_with_sorted_keys() -> None:
    first, *_ = canonical_jsonl(pairs("sql", ANSWERS)).splitlines()
    assert first == (
        b'{"answer":"1","prompt":"Question: how many orders?\\nSQL:","question":"how many orders?","topic":"count"}'
    )
    assert list(json.loads(first)) == ["answer", "prompt", "question", "topic"]


def test_the_first_question_of_each_topic_is_shown() -> None:
    shown = demonstrations(pairs("sql", ANSWERS))
    assert [(row.topic, row.question) for row in shown] == [
        ("count", "how many orders?"),
        ("customers", "list all customers."),
        ("revenue", "what is the total revenue?"),
    ]


def test_no_question_is_asked_twice() -> None:
    questions = [row.prompt for row in base_pairs()]
    assert len(set(questions)) == len(questions)


def test_answers_for_other_topics_are_refused() -> None:
    with pytest.raises(ValueError, match="the question set 'sql' has count, customers, revenue"):
        pairs("sql", {"count": "1"})
