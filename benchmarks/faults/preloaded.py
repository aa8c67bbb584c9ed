"""Imported once by the process from which children are forked: all that they need, and settings that make it quick."""

from __future__ import annotations

import importlib
import warnings

import optuna
import torch
from PIL import Image

import handlens.core.checkpoint
import handlens.core.saved
import handlens.experiments.study
import handlens.serving.app
import handlens.studio.ensemble_predictor
import handlens.studio.predictor
import handlens.studio.server.app
import handlens.studio.server.run
import handlens.tabular
import handlens.vision
import handlens.vision.learner  # noqa: F401
from handlens.studio import preparation_run
from handlens.studio.features import patches

for name in ("matplotlib.pyplot", "openTSNE", "sklearn.linear_model", "timm", "torchvision"):
    importlib.import_module(name)  # which takes each child seconds that imports it when it uses it first
warnings.filterwarnings("ignore")
Image.init()
torch.set_num_threads(1)
patches._SAMPLES, patches._ROUNDS, patches.CENTRES = 2000, 3, 24
preparation_run.BATCH = 8
optuna.storages.RDBStorage("sqlite://").engine.dispose()  # loads what it opens a database with
