"""The sections of the campaign, in the order in which they run. A section is a function of the `Campaign`."""

from __future__ import annotations

from faults.campaign import Section

from experiments import coverage, kills, nodes, overhead, page, pivot, postgresql, rossmann

SECTIONS: dict[str, Section] = {
    "kills": kills.kills,
    "nodes": nodes.nodes,
    "postgresql": postgresql.postgresql,
    "overhead": overhead.overhead,
    "coverage": coverage.coverage,
    "pivot": pivot.pivot,
    "page": page.page,
    "study": rossmann.study,
    "confirm": rossmann.confirm,
}
