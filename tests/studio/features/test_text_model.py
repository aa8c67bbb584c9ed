"""CLIP and SigLIP models in folders, with random weights: compared with transformers, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

from handlens.errors import CollectionError, DownloadError, WeightsError
from handlens.studio.features import backbone_extractor, rebuild
from handlens.studio.features import text_model as module
from handlens.studio.features.text_files import find_model, get_model, read_text_files
from handlens.studio.features.text_model import load_text_model
from tests.conftest import Hub
from tests.studio.made_text_models import WORDS, write_text_model, write_tokenizer

KINDS = {"clip": (CLIPConfig, CLIPModel), "siglip": (SiglipConfig, SiglipModel)}
MEAN, STD = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.25, 0.5])


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """float32 whatever this machine's fastest type is."""
    monkeypatch.setattr(module, "half_precision", lambda where: False)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here may ask the network for anything."""

    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def pictures(n: int = 3) -> torch.Tensor:
    return torch.randint(256, (n, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_and_sentences_are_as_transformers_says(kind, tmp_path):
    folder = write_text_model(tmp_path / "model", kind=kind)
    config, network = KINDS[kind]
    known = network(config.from_json_file(folder / "config.json")).eval()
    known.load_state_dict(load_file(folder / "model.safetensors"))
    # "<end>" is word 1 and fills up the sentences of SigLIP; its first models know no punctuation.
    ids = [0, 3, 6, 8, 2, 1] if kind == "clip" else [3, 6, 8, 1] + 8 * [1]
    pixels = ((pictures() / 255 - MEAN) / STD).permute(0, 3, 1, 2)
    with torch.inference_mode():
        out = known(input_ids=torch.tensor([ids]), pixel_values=pixels)

    extractor = load_text_model("model", folder)
    (found,) = extractor(pictures())
    torch.testing.assert_close(found, out.image_embeds, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(extractor.sentence("A red CAR!"), out.text_embeds[0].numpy(), rtol=1e-4, atol=1e-5)
    assert [(layer.id, layer.dim) for layer in extractor.layers] == [
        ("model/embedding/what", 3 if kind == "clip" else 8)
    ]
    (places,) = extractor.maps(pictures())
    assert torch.equal(places[:, :, 0, 0], found)
    assert places.shape == (*found.shape, 1, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_made_again_of_what_was_kept(kind, tmp_path):
    folder = write_text_model(tmp_path / "model", kind=kind)
    before = backbone_extractor(str(folder))
    shutil.rmtree(folder)
    after = rebuild(json.loads(json.dumps(before.config())), before.tensors())
    assert after.layers == before.layers
    assert after.name == "model"
    assert torch.equal(after(pictures())[0], before(pictures())[0])
    assert after.sentence("the green car").tolist() == before.sentence("the green car").tolist()


def test_weights_of_half_precision_in_several_files_with_old_names(text_model):
    whole = load_text_model("model", text_model)
    weights = load_file(text_model / "model.safetensors")
    (text_model / "model.safetensors").unlink()
    names = sorted(weights)
    first = {name: weights[name] for name in names[:10]}
    first["text_model.embeddings.position_ids"] = torch.arange(12)[None]
    save_file(first, text_model / "model-00001-of-00002.safetensors")
    save_file({name: weights[name] for name in names[10:]}, text_model / "model-00002-of-00002.safetensors")
    assert torch.equal(load_text_model("model", text_model)(pictures())[0], whole(pictures())[0])

    for part in text_model.glob("model-*"):
        part.unlink()
    save_file({name: weight.half() for name, weight in weights.items()}, text_model / "model.safetensors")
    half = load_text_model("model", text_model)
    assert {tensor.dtype for key, tensor in half.tensors().items() if key != "tokenizer"} == {torch.float32}
    torch.testing.assert_close(half(pictures())[0], whole(pictures())[0], rtol=0.02, atol=0.02)


def test_the_normalisation_of_newer_folders(text_model):
    whole = load_text_model("model", text_model)
    said = json.loads((text_model / "preprocessor_config.json").read_text())
    (text_model / "preprocessor_config.json").unlink()
    (text_model / "processor_config.json").write_text(json.dumps({"image_processor": said}))
    assert torch.equal(load_text_model("model", text_model)(pictures())[0], whole(pictures())[0])


def test_the_longest_sentence(text_model):
    extractor = load_text_model("tiny", text_model)
    assert extractor.sentence("red " * 10).shape == (3,)  # 12 with the start and the end
    with pytest.raises(CollectionError, match=r"tiny must have at most 12 tokens .*; 13 arrived\. Shorten it"):
        extractor.sentence("red " * 11)


def test_sentences_that_are_filled_up_from_the_left(tmp_path):
    folder = write_text_model(tmp_path / "model", kind="siglip")
    named = {"pad_token": {"content": "<other>"}, "padding_side": "left", "tokenizer_class": "Siglip2Tokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(named))
    known = SiglipModel(SiglipConfig.from_json_file(folder / "config.json")).eval()
    known.load_state_dict(load_file(folder / "model.safetensors"))
    with torch.inference_mode():
        wanted = known.get_text_features(torch.tensor([9 * [2] + [6, 8, 1]])).pooler_output
    found = load_text_model("model", folder).sentence("Red car")
    np.testing.assert_allclose(found, torch.nn.functional.normalize(wanted)[0].numpy(), rtol=1e-4, atol=1e-5)


# --- finding -----------------------------------------------------------------------------------------------


def test_a_model_of_the_hubs_cache_is_found(tmp_path, monkeypatch):
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    place = cache / "models--some--clip"
    write_text_model(place / "snapshots" / "abc")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    assert find_model("some/clip") == place / "snapshots" / "abc"
    assert backbone_extractor("some/clip").layers[0].id == "clip/embedding/what"
    with pytest.raises(WeightsError, match=r"some/other must be on this machine, .*; it is not\. Put it there"):
        find_model("some/other")


@pytest.mark.parametrize(
    "name", ["/no/such/folder", "../resnet18", "hf-hub:timm/resnet18", "a/b/c", "a/..", "a/", "./clip"]
)
def test_names_that_the_hub_does_not_give(name):
    with pytest.raises(WeightsError, match=f"there is no folder '{name}'"):
        get_model(name)


class TestDownloading:
    @pytest.fixture
    def served(self, hub: Hub, text_model: Path) -> Hub:
        """A hub that has the model."""
        hub.files = {file.name: file.read_bytes() for file in text_model.iterdir()}
        return hub

    def test_a_model_of_the_hub(self, served, text_model):
        folder = get_model("some/clip")
        assert {file.name: file.read_bytes() for file in folder.iterdir()} == served.files
        asked = served.asked
        assert get_model("some/clip") == folder
        assert served.asked == asked
        assert torch.equal(load_text_model("m", folder)(pictures())[0], load_text_model("m", text_model)(pictures())[0])

    def test_the_weights_of_another_model_are_not_downloaded(self, served):
        served.files["config.json"] = b'{"model_type": "llama"}'
        with pytest.raises(WeightsError, match=r"must have a CLIP or SigLIP model of transformers .* 'llama' arrived"):
            get_model("some/llama")
        assert not list(find_model("some/llama").glob("*.safetensors"))

    def test_what_the_hub_does_not_have(self, served):
        del served.files["model.safetensors"]
        with pytest.raises(DownloadError, match=r"the weights of some/clip could not be downloaded: .*404"):
            get_model("some/clip")

    def test_when_downloads_are_forbidden(self, served, monkeypatch):
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        with pytest.raises(DownloadError, match="some/clip are not on this machine, and HF_HUB_OFFLINE forbids"):
            get_model("some/clip")
        assert served.asked == 0

    def test_a_hub_that_refuses(self, served, monkeypatch):
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        with pytest.raises(DownloadError, match=r"the weights of some/clip could not be downloaded: .*refused"):
            get_model("some/clip")

    def test_preparing_downloads_nothing(self, served):
        with pytest.raises(WeightsError, match=r"some/clip must be on this machine, .*; it is not"):
            backbone_extractor("some/clip")
        assert served.asked == 0


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("---\nlicense: mit\n---\n", "Licence: mit, says its model card."),
        ("---\nlicense: other\nlicense_name: for-research\n---\n", "Licence: for-research, says its model card."),
        ("---\nlicense: [1]\n---\n", "Its folder names no licence."),
        ("---\n[\n---\n", "Its folder names no licence."),
        ("# A model", "Its folder names no licence."),
    ],
)
def test_the_licence_is_said(card, said, text_model):
    (text_model / "README.md").write_text(card)
    assert read_text_files(text_model).about == f"A CLIP model, which finds photos by words. {said}"


# --- refusing ----------------------------------------------------------------------------------------------


def change(folder: Path, name: str, **values: object) -> None:
    found = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(found | values))


def other_tokenizer(folder: Path) -> None:
    write_tokenizer(folder, [*WORDS, "eleventh"])


def no_end(folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = None
    tokenizer.save(str(folder / "tokenizer.json"))


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def not_finite(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["visual_projection.weight"][0, 0] = float("nan")
    save_file(weights, folder / "model.safetensors")


def smaller(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["text_projection.weight"]
    save_file(weights, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda f: (f / "config.json").unlink(), "config.json is missing. Get the whole folder of the model"),
        (lambda f: (f / "config.json").write_text("{"), "config.json cannot be read"),
        (lambda f: change(f, "config.json", model_type="bert"), "must have a CLIP or SigLIP model .* 'bert' arrived"),
        (lambda f: change(f, "config.json", text_config=3), "text_config of config.json must be an object; 3 arrived"),
        (lambda f: change(f, "config.json", vision_config={"image_size": 4096}), "up to 1,024; 4096 arrived"),
        (lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json is missing"),
        (lambda f: (f / "tokenizer.json").write_text("{}"), "tokenizer.json of .* cannot be read"),
        (other_tokenizer, "which knows 10 tokens; it has 11"),
        (no_end, re.escape("must end with one token 1, the end of a text; [3, 4] arrived")),
        (lambda f: (f / "preprocessor_config.json").unlink(), "processor_config.json is missing"),
        (lambda f: change(f, "preprocessor_config.json", image_std=[0, 1, 1]), "image_std .* from 0.001 to 1"),
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors, the weights of the model"),
        (pickled, "it has pytorch_model.bin, a pickle, which could run code when it is read"),
        (lambda f: (f / "model.safetensors").write_bytes(b"not weights"), "model.safetensors cannot be read"),
        (not_finite, "1 of 24 numbers of model.visual_projection.weight are not finite"),
        (smaller, "does not fit model: missing: text_projection.weight"),
    ],
)
def test_what_is_refused(harm, message, text_model):
    harm(text_model)
    with pytest.raises(WeightsError, match=message):
        load_text_model("model", text_model)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("part", "key", "value", "message"),
    [
        ("text_config", "num_hidden_layers", 10**9, "must be a whole number up to 256; 1000000000 arrived"),
        ("vision_config", "num_hidden_layers", 257, "must be a whole number up to 256; 257 arrived"),
        ("text_config", "vocab_size", 10**30, r"must be a whole number up to 4,194,304; 10+ arrived"),
        ("vision_config", "hidden_size", 0, "must be a whole number up to 65,536; 0 arrived"),
        ("vision_config", "patch_size", -1, "must be a whole number up to 1,024; -1 arrived"),
        ("vision_config", "patch_size", 64, "patch_size must be at most image_size, 32; 64 arrived"),
        ("vision_config", "patch_size", [16, 16], r"up to 1,024; \[16, 16\] arrived"),
        (
            "text_config",
            "num_attention_heads",
            3,
            "config.json does not describe a model: .*(attention heads|must be divisible by)",
        ),
        ("text_config", "hidden_act", "exec", "must be the name of an activation; 'exec' arrived"),
        ("text_config", "layer_norm_eps", 0, "must be a number between 0 and 1; 0 arrived"),
    ],
)
def test_sizes_that_cannot_be_those_of_a_model(kind, part, key, value, message, tmp_path):
    folder = write_text_model(tmp_path / "model", kind=kind)
    whole = json.loads((folder / "config.json").read_text())
    whole[part][key] = value
    (folder / "config.json").write_text(json.dumps(whole))
    with pytest.raises(WeightsError, match=message):
        load_text_model("model", folder)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "harm",
    [
        {"attn_implementation": "somebody/program"},  # of which transformers downloads the program and runs it
        {"_attn_implementation": {"text_config": "somebody/program"}},
        {"experts_implementation": "somebody/program"},
        {"num_labels": 10**9},
        {"return_dict": False},
        {"dtype": "float64"},
        {"auto_map": {"AutoModel": "somebody/program--file.Model"}},
        {"quantization_config": {"quant_method": "gptq"}},
        {"initializer_factor": None},
        {"pad_token_id": 10**9},
    ],
)
def test_of_a_config_only_the_sizes_are_used(kind, harm, tmp_path):
    folder = write_text_model(tmp_path / "model", kind=kind)
    wanted = load_text_model("model", folder).sentence("a red car")
    whole = json.loads((folder / "config.json").read_text())
    for part in (whole, whole["text_config"], whole["vision_config"]):
        part |= harm
    (folder / "config.json").write_text(json.dumps(whole))
    assert load_text_model("model", folder).sentence("a red car").tolist() == wanted.tolist()


def test_early_configs_say_the_sizes_in_another_place(text_model):
    wanted = load_text_model("model", text_model).sentence("a red car")
    whole = json.loads((text_model / "config.json").read_text())
    whole |= {"text_config_dict": whole["text_config"], "text_config": {"vocab_size": 1}, "vision_config_dict": None}
    (text_model / "config.json").write_text(json.dumps(whole))
    assert load_text_model("model", text_model).sentence("a red car").tolist() == wanted.tolist()


def test_without_the_extra(text_model, monkeypatch):
    monkeypatch.setattr("handlens.studio.features.text_files.find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"requires transformers and tokenizers: pip install 'handlens\[text\]'"):
        load_text_model("model", text_model)


def test_a_saved_config_cannot_claim_more_than_its_tensors(text_model):
    made = load_text_model("model", text_model)
    config = made.config()
    config["model"]["vision_config"]["hidden_size"] = 2**16
    with pytest.raises(WeightsError, match="does not fit model: wrong shapes"):
        rebuild(config, made.tensors())
