"""Engine limits: every revision that an environment names can be served there, as it was trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from interlock.documents.kinds.adapter_revision import AdapterRevision
from interlock.documents.kinds.environment import Environment
from interlock.documents.snapshot import Located
from interlock.findings.finding import Finding
from interlock.rules import remedies
from interlock.rules.engine_profiles import BEYOND_PLAIN, PROFILES, Feature, Settings, oldest_version
from interlock.rules.facts import ArtifactFacts, Facts, Use
from interlock.rules.rule import Rule
from interlock.rules.wording import listed

FAMILY = "engine"


@dataclass(frozen=True, slots=True)
class _Served:
    """One revision in one environment, with everything that decides whether the engine takes it."""

    use: Use
    environment: Located[Environment]
    revision: AdapterRevision
    known: ArtifactFacts

    @property
    def engine(self) -> str:
        """The engine as a person calls it."""
        limits = self.environment.document.engine
        return f"{limits.kind} {limits.version}" if limits.version != ">=0" else limits.kind

    @property
    def settings(self) -> Settings:
        """The settings that an engine reads, or those of the manifest where the bytes are out of reach."""
        return self.known.config.raw if self.known.config else self.revision.peft.model_dump()


def _served(facts: Facts) -> Iterator[_Served]:
    for use in facts.served:
        environment = facts.snapshot.environments.get(use.environment)
        revision = facts.snapshot.revisions.get(use.revision)
        if environment and revision:
            known = facts.artifacts.get(use.revision, ArtifactFacts())
            yield _Served(use, environment, revision.document, known)


def rank_over_limit(facts: Facts) -> Iterator[Finding]:
    """The engine answers 500 to the load call: the rank does not fit into its buffers."""
    for served in _served(facts):
        rank, source = _largest_rank(served)
        limit = served.environment.document.engine.max_lora_rank
        if rank > limit:
            yield Finding(
                "rank-over-limit",
                served.use.place,
                f"{served.use.revision} has rank {rank} ({source})",
                f"at most {limit}: max_lora_rank of {served.use.environment}"
                f" ({served.environment.place('engine', 'max_lora_rank')})",
                f"start the engine with --max-lora-rank {rank} or more and write it into the environment, or serve"
                " a revision of smaller rank",
                environment=served.use.environment,
            )


def _largest_rank(served: _Served) -> tuple[int, str]:
    """The largest rank that any module may have, and where it is written."""
    peft, config = served.revision.peft, served.known.config
    ranks = [(peft.r, "peft.r")]
    ranks += [(rank, f"peft.rank_pattern of {module}") for module, rank in peft.rank_pattern.items()]
    if config:
        ranks.append((config.r, "r in adapter_config.json"))
        ranks += [(rank, f"rank_pattern of {key} in adapter_config.json") for key, rank in config.rank_pattern.items()]
    if served.known.pairs:
        ranks += [(pair.rank, f"tensors of {module}") for module, pair in served.known.pairs.pairs.items()]
    return max(ranks, key=lambda entry: entry[0])


def rank_limit_not_allowed(facts: Facts) -> Iterator[Finding]:
    """The engine does not start with this limit."""
    for environment in facts.environments:
        engine = environment.document.engine
        profile = PROFILES.get(engine.kind)
        if profile and profile.ranks and engine.max_lora_rank not in profile.ranks:
            yield Finding(
                "rank-limit-not-allowed",
                environment.place("engine", "max_lora_rank"),
                f"max_lora_rank is {engine.max_lora_rank}",
                f"one of {', '.join(map(str, sorted(profile.ranks)))}: {engine.kind} starts with no other",
                f"write {_next_rank(engine.max_lora_rank, profile.ranks)} here and where the engine is started",
                environment=environment.document.name,
            )


def _next_rank(wanted: int, allowed: frozenset[int]) -> int:
    return min((rank for rank in allowed if rank >= wanted), default=max(allowed))


def unsupported_by_engine(facts: Facts) -> Iterator[Finding]:
    """The engine refuses adapters of this kind, or is not known to serve them."""
    for served in _served(facts):
        profile = PROFILES.get(served.environment.document.engine.kind)
        for feature in profile.refuses if profile else BEYOND_PLAIN:
            if feature.present(served.settings):
                yield _unsupported(served, feature, evaluated=profile is not None)
        if not (profile and profile.embeddings):
            yield from _unsupported_embeddings(served, evaluated=profile is not None)


def _unsupported_embeddings(served: _Served, *, evaluated: bool) -> Iterator[Finding]:
    pairs = served.known.pairs.pairs if served.known.pairs else {}
    embeddings = [module for module, pair in pairs.items() if pair.embedding]
    if embeddings:
        yield Finding(
            "unsupported-by-engine",
            served.use.place,
            f"{served.use.revision} changes the embedding {listed(embeddings)}, which {served.engine}"
            f" {'does not serve' if evaluated else 'is not known to serve'}",
            "factors of linear modules only",
            f"train it without embeddings, then {remedies.register_again(served.revision)}",
            evaluated=evaluated,
            environment=served.use.environment,
        )


def _unsupported(served: _Served, feature: Feature, *, evaluated: bool) -> Finding:
    verb = "does not serve" if evaluated else "is not known to serve"
    why = f": {feature.why}" if evaluated else ""
    return Finding(
        "unsupported-by-engine",
        served.use.place,
        f"{served.use.revision} uses {feature.title} ({_value(served, feature)}), which {served.engine} {verb}{why}",
        "a plain LoRA adapter",
        f"train or convert it without {feature.setting}, then {remedies.register_again(served.revision)}",
        evaluated=evaluated,
        environment=served.use.environment,
    )


def ignored_by_engine(facts: Facts) -> Iterator[Finding]:
    """The engine serves the adapter and leaves a part of it out, without a word."""
    for served in _served(facts):
        limits = served.environment.document.engine
        profile = PROFILES.get(limits.kind)
        for feature, since in profile.ignores.items() if profile else ():
            if feature.present(served.settings) and (since is None or oldest_version(limits.version) < since):
                yield _ignored(served, feature, since)


def _ignored(served: _Served, feature: Feature, since: tuple[int, int] | None) -> Finding:
    limits = served.environment.document.engine
    version = f"{since[0]}.{since[1]}" if since else ""
    older = f" before {version}" if since else ""
    upgrade = f'set engine.version to ">={version}" where the nodes run that, or ' if since else ""
    return Finding(
        "ignored-by-engine",
        served.use.place,
        f"{served.use.revision} uses {feature.title} ({_value(served, feature)}), which {limits.kind}{older}"
        f" silently ignores: {feature.why}",
        "an adapter that answers as it did when it was evaluated",
        f"{upgrade}train it without {feature.setting}",
        environment=served.use.environment,
    )


def _value(served: _Served, feature: Feature) -> str:
    text = repr(served.settings.get(feature.setting))
    return f"{feature.setting}: {text if len(text) <= 80 else text[:77] + '…'}"


RULES = (
    Rule(
        "rank-over-limit",
        "The rank is above the engine's limit",
        "The engine answers the load call with an error, and the environment keeps the old revision.",
        "Raise max_lora_rank on the engine and in the environment, or train with a smaller rank.",
        FAMILY,
        rank_over_limit,
    ),
    Rule(
        "rank-limit-not-allowed",
        "The engine does not start with this max_lora_rank",
        "vLLM takes only 1, 8, 16, 32, 64, 128, 256, 320 and 512.",
        "Write the next larger of these.",
        FAMILY,
        rank_limit_not_allowed,
    ),
    Rule(
        "unsupported-by-engine",
        "The engine does not serve adapters of this kind",
        "The load call fails on every node, after the change was merged.",
        "Convert the adapter to plain LoRA and register it.",
        FAMILY,
        unsupported_by_engine,
    ),
    Rule(
        "ignored-by-engine",
        "The engine silently leaves a part of the adapter out",
        "The adapter loads, answers, and is not the one that was evaluated.",
        "Use an engine version that applies it, or train without it.",
        FAMILY,
        ignored_by_engine,
    ),
)
