"""Which review speaks for an account."""

from __future__ import annotations

from interlock.approvals.reviews import Review, ReviewState, current_reviews


def review(account: int | None, state: ReviewState, order: int) -> Review:
    return Review(account, None if account is None else f"user{account}", "human", state, "a" * 40, order)


def states(*reviews: Review) -> list[tuple[int | None, str]]:
    return [(found.account, found.state) for found in current_reviews(reviews)]


def test_the_latest_decision_speaks() -> None:
    assert states(review(1, "changes-requested", 0), review(1, "approved", 1)) == [(1, "approved")]


def test_a_comment_supersedes_nothing() -> None:
    assert states(review(1, "approved", 0), review(1, "commented", 1)) == [(1, "approved")]


def test_a_comment_alone_is_told() -> None:
    assert states(review(1, "commented", 0), review(1, "commented", 1)) == [(1, "commented")]


def test_bypass_11_a_dismissed_request_for_changes_does_not_revive_an_older_approval() -> None:
    assert states(review(1, "approved", 0), review(1, "dismissed", 1)) == [(1, "dismissed")]


def test_the_order_of_the_forge_counts_and_not_the_order_of_the_list() -> None:
    assert states(review(1, "approved", 5), review(1, "changes-requested", 2)) == [(1, "approved")]


def test_reviews_of_deleted_accounts_are_never_taken_for_one_person() -> None:
    assert states(review(None, "approved", 0), review(None, "approved", 1)) == [(None, "approved"), (None, "approved")]
