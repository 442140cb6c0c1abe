"""What an operator asks of one node by hand, from the command line to what the agent does."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.errors import DocumentError
from interlock.sync.outcome import Done, Stalled, Waiting
from interlock.sync.steering import STEERING_FILE, Order, Steering, SteeringFile, read_steering
from support.command_line import interlock
from support.serving_node import ServingNode

OLD, NEW = " Refunds take ten days.", " Refund granted. Sorry for the trouble."
ORDER = Order("eve", "a reason", 100.0, 200.0)


def order(node: ServingNode, *words: str, status: int = 0) -> str:
    done = interlock(*words, "--node", node.node.settings)
    assert done.status == status, done.err
    return done.out + done.err


def promote(node: ServingNode) -> None:
    node.point("support-bot", "2")
    node.push("promote")


def test_a_suspended_node_stays_where_it_is_and_says_who_asked(node: ServingNode) -> None:
    agent = node.agent()
    assert agent.run_once() == Done()
    printed = order(node, "suspend", "--reason", "a new card", "--by", "eve", "--for", "2h")
    assert "resume --node" in printed
    promote(node)
    assert agent.run_once() == Done()
    assert node.ask("support-bot").text == OLD
    assert agent.status
    suspended = agent.status.condition("Suspended")
    assert (suspended.status, suspended.reason) == ("True", "StaysHere")
    assert "eve: a new card" in suspended.message
    order(node, "resume")
    assert agent.run_once() == Done()
    assert node.ask("support-bot").text == NEW


def test_a_suspended_node_still_repairs_and_one_with_hands_off_does_not(node: ServingNode) -> None:
    agent = node.agent()
    assert agent.run_once() == Done()
    assert agent.status
    loaded = agent.status.loaded
    order(node, "suspend", "--reason", "work on the engine", "--hands-off")
    _forget_everything(node)
    assert isinstance(agent.turn(), Waiting)
    assert agent.status.loaded == ()
    assert "work on the engine" in agent.status.condition("Ready").message
    order(node, "suspend", "--reason", "the engine may serve again")
    assert agent.turn() == Done()
    assert agent.status.loaded == loaded


def _forget_everything(node: ServingNode) -> None:
    with node.client() as client:
        for model in client.get("/v1/models").json()["data"]:
            if model["parent"]:
                answer = client.post(
                    "/v1/unload_lora_adapter",
                    json={"lora_name": model["id"]},
                    headers={"X-Interlock-Token": node.node.admin_token},
                )
                assert answer.status_code == 200


def test_a_suspension_ends_by_itself(node: ServingNode) -> None:
    agent = node.agent()
    assert agent.run_once() == Done()
    state = node.node.directory / "state"
    SteeringFile(state).write(Steering(Order("eve", "over long ago", 1.0, 2.0)))
    promote(node)
    assert agent.run_once() == Done()
    assert node.ask("support-bot").text == NEW


def test_orders_that_cannot_be_read_keep_the_node_where_it_is(node: ServingNode) -> None:
    agent = node.agent()
    assert agent.run_once() == Done()
    (node.node.directory / "state" / STEERING_FILE).write_text('{"schema": "interlock-steering/1"', encoding="ascii")
    promote(node)
    outcome = agent.turn()
    assert isinstance(outcome, Stalled)
    assert STEERING_FILE in outcome.why
    assert "give the orders again" in outcome.remedy
    assert node.ask("support-bot").text == OLD


def test_what_is_not_there_cannot_be_taken_back(node: ServingNode) -> None:
    assert "is not suspended" in order(node, "resume", status=2)
    assert "holds no adapter 'support-bot'" in order(node, "resume", "support-bot", status=2)
    order(node, "hold", "support-bot", "--reason", "comparing")
    assert "held are: support-bot" in order(node, "resume", status=2)
    assert "promotions of support-bot again" in order(node, "resume", "support-bot")


@pytest.mark.parametrize("reason", ["", " ", "two\nlines", "x" * 501])
def test_a_reason_is_one_readable_line(node: ServingNode, reason: str) -> None:
    assert "one line of 1 to 500" in order(node, "suspend", "--reason", reason, status=2)


def test_an_order_ends_at_a_time_that_can_be_told(node: ServingNode) -> None:
    assert "at most 10y" in order(node, "suspend", "--reason", "for ever", "--for", "9000y", status=2)


def test_orders_survive_being_written_and_read(tmp_path: Path) -> None:
    steering = Steering(ORDER, {"support-bot": Order("bob", "comparing", 1.5)})
    file = SteeringFile(tmp_path)
    file.write(steering)
    assert file.current() == read_steering(tmp_path / STEERING_FILE) == steering
    assert steering.at(200.0) == Steering(None, {"support-bot": Order("bob", "comparing", 1.5)})
    assert steering.at(199.9).suspended == ORDER


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 5000,
        '{"schema": "interlock-steering/2", "suspended": null, "held": {}}',
        '{"schema": "interlock-steering/1", "suspended": 1, "held": {}}',
        '{"schema": "interlock-steering/1", "suspended": null, "held": []}',
        '{"schema": "interlock-steering/1", "suspended": null, "held": {"../x": {"by": "", "reason": "", "since": 1}}}',
        '{"schema": "interlock-steering/1", "suspended": {"by": "a", "reason": "b", "since": "1"}, "held": {}}',
        '{"schema": "interlock-steering/1", "suspended": {"by": "", "reason": "", "since":1, "until":""}, "held": {}}',
        '{"schema": "interlock-steering/1", "suspended": {"by": "", "reason": "", "since":1, "until":1e30}, "held":{}}',
        '{"schema": "interlock-steering/1", "suspended": {"by": "", "reason": "", "since":1, "until":NaN}, "held": {}}',
    ],
)
def test_damaged_orders_are_told_with_the_way_out(tmp_path: Path, text: str) -> None:
    (tmp_path / STEERING_FILE).write_text(text, encoding="ascii")
    with pytest.raises(DocumentError) as damaged:
        SteeringFile(tmp_path).current()
    assert STEERING_FILE in damaged.value.found
    assert "remove" in damaged.value.remedy
