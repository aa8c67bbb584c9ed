"""The questions that no program can answer: about a dataset, and about a model.

The seven sections of a datasheet are those of Gebru et al., *Datasheets for Datasets* (2018, Communications of the ACM
2021); what a model card should say is due to Mitchell et al., *Model Cards for Model Reporting* (FAT* 2019).
"""

from __future__ import annotations

from collections.abc import Mapping

Sections = Mapping[str, Mapping[str, str]]
"""Sections by title, each with its questions by key."""

DATASHEET: Sections = {
    "Motivation": {
        "motivation.purpose": "What were these data gathered to find out or to make possible?",
        "motivation.makers": "Who gathered them, and for whom do these people work?",
        "motivation.funding": "Who paid for it, and what did they want from it?",
    },
    "Composition": {
        "composition.item": "What does one row or picture stand for? Is there more than one kind?",
        "composition.sample": "Of which larger whole are these a part, how were they picked, and who or what is "
        "underrepresented?",
        "composition.labels": "What does each label mean, and where do two people disagree about it?",
        "composition.missing": "Why is what is missing missing?",
        "composition.links": "Which items belong together (one person, one household, one day), and is that recorded?",
        "composition.splits": "Which split into training and held-out data is meant, and why that one?",
        "composition.errors": "Which mistakes, noise and doubles are known?",
        "composition.outside": "Does anything depend on things kept elsewhere (links, accounts), and will they last?",
        "composition.people": "Are people in the data, which groups of them, and how were the groups determined?",
        "composition.recognised": "Could somebody be recognised, alone or together with other data?",
        "composition.sensitive": "Is anything in it confidential, intimate, insulting or able to hurt somebody?",
    },
    "Collection process": {
        "collection.how": "How was each value or picture obtained: measured, said by people, worked out from others?",
        "collection.instruments": "With which cameras, sensors, forms or programs, and how were these checked?",
        "collection.workers": "Who did the work, and how were they paid?",
        "collection.when": "Over which time, and is that also the time that the items tell of?",
        "collection.review": "Did anybody independent look at whether this was right to do, and what came of it?",
        "collection.consent": "Did the people concerned know, did they agree, and to what exactly?",
        "collection.withdrawal": "How can somebody have their data taken out again?",
        "collection.harm": "What could these data do to the people in them, and who has thought it through?",
    },
    "Preprocessing, cleaning and labelling": {
        "preparation.done": "What was dropped, filled in, cut, converted or computed?",
        "preparation.labelling": "Who labelled, by which instructions, and how often did they agree?",
        "preparation.raw": "Is the raw form kept, and where?",
        "preparation.program": "Where is the program that did it?",
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
        "maintenance.contact": "Who looks after these data, and how can they be reached?",
        "maintenance.corrections": "How is a mistake reported, and where are corrections announced?",
        "maintenance.updates": "Will they be updated, how often, and what happens to the older versions?",
        "maintenance.retention": "How long may data about people be kept, and who deletes them then?",
        "maintenance.contributions": "How can others add to them, and who checks what is added?",
    },
}

MODEL_CARD: Sections = {
    "Uses": {
        "uses.meant_for": "What is the model for, and who is to use it?",
        "uses.not_for": "What must it not be used for?",
        "uses.people": "Whom do its predictions concern, and what follows from one for them?",
    },
    "Limits": {
        "limits.fails": "Where is it known to fail, and for whom?",
        "limits.data": "What do the data that it learned from not cover?",
        "limits.change": "What would have to change in the world for it to be wrong, and who watches for that?",
    },
    "People in the loop": {
        "people.review": "Which predictions does a person look at before anything follows from them?",
        "people.appeal": "How can somebody contest a prediction, and who decides about it?",
        "people.contact": "Who answers for this model, and how can they be reached?",
    },
}
