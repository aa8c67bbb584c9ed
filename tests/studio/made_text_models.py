"""Tiny CLIP and SigLIP models with random weights, written as transformers does."""

from __future__ import annotations

import json
from pathlib import Path

WORDS = ["<start>", "<end>", "<other>", "a", "photo", "of", "red", "green", "car", "the"]
"""The words that the tiny models of pictures and sentences know."""


def write_tokenizer(folder: Path, words: list[str] = WORDS, *, start: str | None = "<start>") -> None:
    """A tokenizer.json whose tokens are whole words."""
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordLevel

    end = "<end>"
    known = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(WordLevel(known, unk_token="<other>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = [(end, known[end])] + ([(start, known[start])] if start else [])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}" if start else f"$A {end}", special_tokens=special
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def write_text_model(folder: Path, *, kind: str = "clip") -> Path:
    """A tiny CLIP or SigLIP model with random weights, in the files of transformers; its pictures are 32×32."""
    import torch
    from safetensors.torch import save_file
    from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

    sizes = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = sizes | {"vocab_size": len(WORDS), "max_position_embeddings": 12}
    text |= {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    pictures = sizes | {"image_size": 32, "patch_size": 16}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if kind == "clip":
            model = CLIPModel(CLIPConfig(text_config=text, vision_config=pictures, projection_dim=3))
        else:
            model = SiglipModel(SiglipConfig(text_config=text, vision_config=pictures))
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "model.safetensors")
    model.config.to_json_file(folder / "config.json")
    normal = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.25, 0.5]}
    (folder / "preprocessor_config.json").write_text(json.dumps(normal), encoding="utf-8")
    write_tokenizer(folder, start="<start>" if kind == "clip" else None)
    named = {"pad_token": "<end>", "tokenizer_class": "CLIPTokenizer" if kind == "clip" else "SiglipTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(named), encoding="utf-8")
    (folder / "README.md").write_text("---\nlicense: mit\ntags: [vision]\n---\n# A model\n", encoding="utf-8")
    return folder
