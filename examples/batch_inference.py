"""Batch inference: a model is trained here, and scores one batch of reviews per pod.

    ferryman dev run examples/batch_inference.py [BATCHES]

The model is an argument like any other: `unmapped` gives the whole of it to every pod. Its class is
defined in this file, and travels with the function. Results come back in the order of the batches.

It prints:

    trained on 8 reviews, 11 words
    scored 12 reviews in 3 batches: 6 good, 6 bad
    the best: superb and charming
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ferryman import task, unmapped

TRAINING = {
    "a superb film": +1, "charming and superb": +1, "a charming story": +1, "what a fine film": +1,
    "a dull film": -1, "dull and tedious": -1, "a tedious story": -1, "what a poor film": -1,
}  # fmt: skip
REVIEWS = ["superb and charming", "a poor story", "a fine and charming film", "dull, poor, tedious"]


@dataclass(frozen=True)
class Model:
    """How good each word is."""

    weights: Counter[str]

    @classmethod
    def trained_on(cls, examples: dict[str, int]) -> Model:
        weights: Counter[str] = Counter()
        for text, verdict in examples.items():
            weights.update(dict.fromkeys(text.split(), verdict))
        return cls(weights)

    def score(self, text: str) -> int:
        return sum(self.weights[word.strip(",.")] for word in text.split())


@task(retries=2, memory="256Mi")
def score(model: Model, batch: list[str]) -> list[int]:
    """The score of each review."""
    return [model.score(text) for text in batch]


def batches(items: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    model = Model.trained_on(TRAINING)
    print(f"trained on {len(TRAINING)} reviews, {len(model.weights)} words")

    reviews = REVIEWS * number
    scores = score.map(unmapped(model), batches(reviews, len(REVIEWS))).result()

    flat = [one for batch in scores for one in batch]
    good = sum(one > 0 for one in flat)
    print(f"scored {len(flat)} reviews in {number} batches: {good} good, {len(flat) - good} bad")
    print(f"the best: {reviews[flat.index(max(flat))]}")


if __name__ == "__main__":
    main()
