"""How much the rankings of cleanlab doubt each label; prints them as JSON. Run by benchmarks/suspects.py.

    python cleanlab_rankings.py LABELS.npz

LABELS holds the labels that were given (codes, [n]) and held-out probabilities of the classes ([n, C]).
"""

from __future__ import annotations

import json
import sys

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores

METHODS = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")


def main() -> None:
    with np.load(sys.argv[1]) as file:
        given, p = file["given"], file["p"]
    found = {}
    for method in METHODS:
        for adjusted in (False, True):
            if adjusted and method == "confidence_weighted_entropy":
                continue  # cleanlab does not offer it
            quality = get_label_quality_scores(given, p, method=method, adjust_pred_probs=adjusted)
            found[f"cleanlab's {method}{', adjusted' if adjusted else ''}"] = (-quality).tolist()
    # Labels that are issues come first, in the order of find_label_issues; then the others by self-confidence.
    issues = find_label_issues(given, p, return_indices_ranked_by="self_confidence", n_jobs=1)
    doubt = 1 - get_label_quality_scores(given, p, method="self_confidence")
    doubt[issues] = 2 + np.arange(len(issues))[::-1]
    found["cleanlab's find_label_issues"] = doubt.tolist()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
