"""The questions that only people can answer: about a dataset, and about a model.

The seven sections of a datasheet are those of Gebru et al., *Datasheets for Datasets* (2018, Communications of the ACM
2021). The questions of a model card follow Mitchell et al., *Model Cards for Model Reporting* (FAT* 2019).
"""

from __future__ import annotations

from collections.abc import Mapping

Sections = Mapping[str, Mapping[str, str]]
"""Sections by title, each with its questions by key."""

DATASHEET: Sections = {
    "Motivation": {
        "motivation.purpose": "For which purpose were these data collected?",
        "motivation.makers": "Who collected them, and on behalf of whom?",
        "motivation.funding": "Who paid for it, and what did they want from it?",
    },
    "Composition": {
        "composition.item": "What does one row or picture stand for? Is there more than one kind?",
        "composition.sample": "Of which larger set are these a sample, how were they chosen, and who or what is "
        "underrepresented?",
        "composition.labels": "What does each label mean, and where do two people disagree about it?",
        "composition.missing": "Why are values or items missing?",
        "composition.links": "Which items belong together (one person, one household, one day), and is that recorded?",
        "composition.splits": "Which split into training and held-out data is recommended, and why?",
        "composition.errors": "Which errors, noise and duplicates are known?",
        "composition.outside": "Do the data depend on external resources (links, accounts), and will these last?",
        "composition.people": "Are people in the data, which groups of them, and how were the groups determined?",
        "composition.recognised": "Could a person be identified, from these data alone or together with others?",
        "composition.sensitive": "Is anything in them confidential, intimate, offensive or harmful to somebody?",
    },
    "Collection process": {
        "collection.how": "How was each value or picture obtained: measured, stated by people, or computed?",
        "collection.instruments": "With which cameras, sensors, forms or programs, and how were these checked?",
        "collection.workers": "Who did the work, and how were they paid?",
        "collection.when": "Over which period were they collected, and is it the period that the items are about?",
        "collection.review": "Was there an independent ethical review, and what was its result?",
        "collection.consent": "Did the people concerned know, did they agree, and to what exactly?",
        "collection.withdrawal": "How can somebody have their data taken out again?",
        "collection.harm": "How could these data harm the people in them, and who has assessed that?",
    },
    "Preprocessing, cleaning and labelling": {
        "preparation.done": "What was dropped, filled in, cropped, converted or computed?",
        "preparation.labelling": "Who labelled them, following which instructions, and how often did the labels agree?",
        "preparation.raw": "Are the raw data kept, and where?",
        "preparation.program": "Where is the program that did this?",
    },
    "Uses": {
        "uses.so_far": "What have these data been used for so far, and where is that written down?",
        "uses.good_for": "What else are they good for?",
        "uses.unfair": "What about them could make a model unfair or harmful to some, and what helps against it?",
        "uses.never": "What must they not be used for?",
    },
    "Distribution": {
        "distribution.to_whom": "Who may have them, and how are they handed over?",
        "distribution.licence": "Under which licence or terms, and at what price?",
        "distribution.restrictions": "Which rights of others, laws or export rules apply?",
    },
    "Maintenance": {
        "maintenance.contact": "Who maintains these data, and how can they be contacted?",
        "maintenance.corrections": "How can an error be reported, and where are corrections announced?",
        "maintenance.updates": "Will they be updated, how often, and what happens to the older versions?",
        "maintenance.retention": "How long may data about people be kept, and who deletes them then?",
        "maintenance.contributions": "How can others add to them, and who checks what is added?",
    },
}

MODEL_CARD: Sections = {
    "Uses": {
        "uses.meant_for": "What is the model for, and who is to use it?",
        "uses.not_for": "What must it not be used for?",
        "uses.people": "Whom do its predictions concern, and which consequences does a prediction have for them?",
    },
    "Limits": {
        "limits.fails": "Where is it known to fail, and for whom?",
        "limits.data": "What do its training data not cover?",
        "limits.change": "Which changes in the world would make it wrong, and who monitors them?",
    },
    "People in the loop": {
        "people.review": "Which predictions does a person review before they have consequences?",
        "people.appeal": "How can somebody contest a prediction, and who decides about it?",
        "people.contact": "Who is responsible for this model, and how can they be contacted?",
    },
}

EARLIER_LINES = frozenset(
    {
        "What stands under “Computed” was worked out from the data and is written anew each time. Everything else is "
        "for people to answer: write between the two comments around an answer.",
        "### Of which larger whole are these a part, how were they picked, and who or what is underrepresented?",
        "### What were these data gathered to find out or to make possible?",
        "### Who gathered them, and for whom do these people work?",
        "### Why is what is missing missing?",
        "### Which split into training and held-out data is meant, and why that one?",
        "### Which mistakes, noise and doubles are known?",
        "### Does anything depend on things kept elsewhere (links, accounts), and will they last?",
        "### Could somebody be recognised, alone or together with other data?",
        "### Is anything in it confidential, intimate, insulting or able to hurt somebody?",
        "### How was each value or picture obtained: measured, said by people, worked out from others?",
        "### Over which time, and is that also the time that the items tell of?",
        "### Did anybody independent look at whether this was right to do, and what came of it?",
        "### What could these data do to the people in them, and who has thought it through?",
        "### What was dropped, filled in, cut, converted or computed?",
        "### Who labelled, by which instructions, and how often did they agree?",
        "### Is the raw form kept, and where?",
        "### Where is the program that did it?",
        "### Who looks after these data, and how can they be reached?",
        "### How is a mistake reported, and where are corrections announced?",
        "### Whom do its predictions concern, and what follows from one for them?",
        "### What do the data that it learned from not cover?",
        "### What would have to change in the world for it to be wrong, and who watches for that?",
        "### Which predictions does a person look at before anything follows from them?",
        "### Who answers for this model, and how can they be reached?",
    }
)
"""Lines that earlier versions wrote into files, where the wording has changed since; they are not a person's notes."""
