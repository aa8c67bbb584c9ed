"""The sections of the campaign, in the order in which they run. A section is a function of the `Campaign`."""

from __future__ import annotations

from faults.campaign import Section

from experiments import rossmann

SECTIONS: dict[str, Section] = {
    "study": rossmann.study,
}
