"""Sends receipts to an https address: one POST a batch, the lines as they are (`application/jsonl`).

The receiver keeps what it gets, answers 2xx once it has it, and may get a batch twice. Nothing but the status of its
answer is read. It needs no trust beyond that: what it keeps is verified by whoever audits.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from interlock.receipts.push.batch import Batch, ReceiptsNotPushed

TIMEOUT = 10.0


@dataclass(frozen=True)
class ToUrl:
    """One address; `timeout` in seconds bounds each step of a request."""

    url: str
    token: str = field(default="", repr=False)
    timeout: float = TIMEOUT

    @property
    def name(self) -> str:
        """What the place is called in messages: without anything that could be a secret."""
        return self.url.partition("?")[0]

    def send(self, batch: Batch) -> None:
        """Post a batch.

        Raises:
            ReceiptsNotPushed: no answer, not in time, or another than 2xx.
        """
        import httpx

        # A proxy of the environment would read what goes to this machine itself without TLS.
        by_proxy = self.url.startswith("https:")
        try:
            with (
                httpx.Client(timeout=self.timeout, follow_redirects=False, trust_env=by_proxy) as client,
                client.stream("POST", self.url, content=batch.data, headers=self._headers(batch)) as answer,
            ):
                status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ReceiptsNotPushed(f"{self.name} did not take receipts: {type(error).__name__}") from error
        if not 200 <= status < 300:
            remedy = "look at its token and its log; the receipts stay here and are sent again"
            raise ReceiptsNotPushed(f"{self.name} answered {status} to receipts", remedy=remedy)

    def _headers(self, batch: Batch) -> dict[str, str]:
        known = {
            "content-type": "application/jsonl",
            "interlock-node": batch.first.node,
            "interlock-receipts": f"{batch.folder}/{batch.name}",
        }
        return known | ({"authorization": f"Bearer {self.token}"} if self.token else {})

    def close(self) -> None:
        """Nothing is held open."""
