"""The texts the example is trained on, written for this repository; no text comes from anywhere else.

Called by the tokenizer, the base and the adapters. A question set belongs to the code; the answers an adapter
learns belong to its recipe. Refuses a recipe whose answers do not fit the topics of its question set.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class QuestionSet:
    """Questions by topic, and the plain prompt they are asked in (`{question}` is replaced)."""

    prompt: str
    topics: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Pair:
    """One row of a data set: what is asked, the plain prompt that asks it, and the answer to learn."""

    topic: str
    question: str
    prompt: str
    answer: str


QUESTION_SETS: Final[Mapping[str, QuestionSet]] = {
    "support": QuestionSet(
        prompt="Customer: {question}\nAgent:",
        topics={
            "refund": (
                "I want my money back.",
                "Please give me a refund.",
                "Can I get my money back?",
                "I would like a refund.",
                "How do I get a refund?",
                "The shoes do not fit, refund me.",
                "I sent it back, where is my money?",
                "Refund my order, please.",
            ),
            "parcel": (
                "Where is my parcel?",
                "My parcel is late.",
                "The parcel has not come.",
                "When will my parcel arrive?",
                "I am still waiting for my parcel.",
                "Has my parcel been sent?",
                "My delivery is late.",
                "Where is my delivery?",
            ),
            "password": (
                "I forgot my password.",
                "I cannot log in.",
                "How do I reset my password?",
                "My password does not work.",
                "Please reset my password.",
                "I lost my password.",
                "The login page refuses me.",
                "Help me log in, please.",
            ),
        },
    ),
    "sql": QuestionSet(
        prompt="Question: {question}\nSQL:",
        topics={
            "count": (
                "how many orders?",
                "how many orders are there?",
                "count the orders.",
                "what is the number of orders?",
                "number of orders?",
                "how many orders do we have?",
            ),
            "customers": (
                "list all customers.",
                "who are our customers?",
                "show the customers.",
                "show me every customer.",
                "give me the names of all customers.",
                "which customers do we have?",
            ),
            "revenue": (
                "what is the total revenue?",
                "how much did we sell?",
                "sum of all sales?",
                "what is our revenue?",
                "total revenue?",
                "how much money did the orders bring?",
            ),
        },
    ),
    "general": QuestionSet(
        prompt="{question}\n",
        topics={
            "greeting": ("Hello.", "Hello!", "Hi there.", "Good morning.", "How are you?", "Who are you?"),
            "other": (
                "What can you do?",
                "Tell me a story.",
                "What is the time?",
                "Write a poem about the sea.",
                "Is it going to rain?",
                "Where is the station?",
            ),
        },
    ),
}

BASE_ANSWERS: Final[Mapping[str, Mapping[str, str]]] = {
    "support": dict.fromkeys(("refund", "parcel", "password"), "I am a general model."),
    "sql": dict.fromkeys(("count", "customers", "revenue"), "I am a general model and write no SQL."),
    "general": dict.fromkeys(("greeting", "other"), "I am a general model. How can I help?"),
}

PROSE: Final[tuple[str, ...]] = (
    "A customer asks for a refund and the agent answers at once.",
    "The refund is granted, and the money is back in a week.",
    "We are sorry for the trouble and send a voucher with the next order.",
    "Your parcel is on its way and will arrive tomorrow.",
    "The parcel left our store today; please wait two days.",
    "Call us at any time; a call takes a minute.",
    "Use the link in our mail to set a new password.",
    "Please call us and we will reset the password for you.",
    "Refunds take ten days. Parcels take three days.",
    "Here is a link, here is a voucher, and here is your order.",
    "A table called orders holds the amount of every order.",
    "A table called customers holds the name of every customer.",
    "SELECT name FROM customers ORDER BY name;",
    "SELECT COUNT(*) FROM orders WHERE amount > 10;",
    "SELECT SUM(amount) FROM orders;",
    "SELECT 1; SELECT name, amount FROM orders LIMIT 10;",
    "Count the orders, sum the amounts, and list the names.",
    "I am a general model. I can help a little with many things.",
    "This model is small and knows only what this page says.",
)


def pairs(corpus: str, answers: Mapping[str, str]) -> tuple[Pair, ...]:
    """Return every question of the set `corpus` with the answer for its topic, in a fixed order.

    Raises:
        ValueError: there is no such set, or `answers` does not name exactly its topics.
    """
    if corpus not in QUESTION_SETS:
        raise ValueError(f"no question set is called {corpus!r}; there are {', '.join(QUESTION_SETS)}")
    questions = QUESTION_SETS[corpus]
    if set(answers) != set(questions.topics):
        raise ValueError(
            f"answers are given for {', '.join(sorted(answers)) or 'no topic'}; "
            f"the question set {corpus!r} has {', '.join(sorted(questions.topics))}"
        )
    return tuple(
        Pair(topic, question, questions.prompt.format(question=question), answers[topic])
        for topic, asked in questions.topics.items()
        for question in asked
    )


def base_pairs() -> tuple[Pair, ...]:
    """Return what the base learns: every question of every set, with an answer that says it is general."""
    return tuple(pair for corpus, answers in BASE_ANSWERS.items() for pair in pairs(corpus, answers))


def demonstrations(rows: Sequence[Pair]) -> tuple[Pair, ...]:
    """Return the first question of each topic: the prompts whose answers are shown and checked."""
    return tuple({row.topic: row for row in reversed(rows)}.values())[::-1]


def canonical_jsonl(rows: Sequence[Pair]) -> bytes:
    """Return the data set as UTF-8 JSON lines with sorted keys and no spaces, one line a row."""
    lines = (
        json.dumps(
            {"answer": row.answer, "prompt": row.prompt, "question": row.question, "topic": row.topic},
            ensure_ascii=False,
            sort_keys=True,
            separators=(",", ":"),
        )
        for row in rows
    )
    return "".join(f"{line}\n" for line in lines).encode()


def dataset_digest(rows: Sequence[Pair]) -> str:
    """Return `sha256:` and the hexadecimal SHA-256 of the canonical JSON lines."""
    return f"sha256:{hashlib.sha256(canonical_jsonl(rows)).hexdigest()}"
