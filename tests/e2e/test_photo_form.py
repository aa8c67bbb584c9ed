"""The form on the page of a served model: a person sends photos and sees what it says of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, expect

from handlens.serving.app import create_app
from handlens.serving.listening import listen
from handlens.vision import ImageItemList, create_cnn


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    for i in range(4):
        Image.new("RGB", (40, 40), ("black", "white")[i % 2]).save(tmp_path / f"{i}.png")
    items = ImageItemList.from_folder(tmp_path).split_by_idx([0]).label_from_func(lambda file: "ab"[int(file.stem) % 2])
    data = items.transform(size=32).databunch(bs=2, num_workers=0)
    folder = create_cnn(data, "mobilenetv2_035", pretrained=False, seed=0).export("model")
    bound = listen("127.0.0.1", 0)
    host = f"127.0.0.1:{bound.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(create_app(folder, token="secret", hosts=[host]), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    yield f"http://{host}/api/docs?token=secret"
    server.should_exit = True
    thread.join()
    bound.close()


def test_photos_are_sent_by_the_form(browser: Browser, address: str, tmp_path: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    page.locator("summary", has_text="/api/predict").click()
    (tmp_path / "notes.txt").write_text("no photo")
    page.set_input_files("input[type=file]", [tmp_path / "0.png", tmp_path / "notes.txt"])
    page.get_by_label("heatmap").check()
    page.get_by_role("button", name="Send").click()
    said = page.get_by_role("status")
    for text in ("200", '"name": "0.png"', '"probability of b"', '"reason": "not a picture"', '"heatmap": "iVBOR'):
        expect(said).to_contain_text(text)
    page.set_input_files("input[type=file]", [tmp_path / "notes.txt"])
    page.get_by_role("button", name="Send").click()
    expect(said).to_contain_text("400")
    expect(said).to_contain_text("it cannot: not a picture")
    context.close()
