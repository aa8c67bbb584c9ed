# Lesson 2: a data set of one's own from the web, and a model in production. The widgets of a browser are left out.
# %%
from handlens.vision import *

path = untar_data(URLs.PETS)  # stands for data/bears
classes = ["red", "green"]
bears = path.parent / "bears"
for folder in classes:
    (bears / folder).mkdir(parents=True, exist_ok=True)
    for i, file in enumerate(sorted((path / "images").glob(f"{folder}_*.jpg"))):
        shutil.copy(file, bears / folder / f"{i:08d}.jpg")
path = bears
# %%
(path / "urls_red.txt").write_text("file:///etc/hostname\n")  # refused, and said; a web server is not asked
download_images(path / "urls_red.txt", path / "red", max_pics=200)
# %%
(path / "red" / "99999999.jpg").write_text("<html>not found</html>")
for c in classes:
    print(c)
    verify_images(path / c, delete=True, max_size=500)
assert not (path / "red" / "99999999.jpg").exists()
# %%
np.random.seed(42)
data = ImageDataBunch.from_folder(path, train=".", valid_pct=0.2, ds_tfms=get_transforms(), size=48, num_workers=0, bs=8).normalize(imagenet_stats)
assert data.classes == ["green", "red"]
data.show_batch(rows=3, figsize=(7, 8))
data.classes, data.c, len(data.train_ds), len(data.valid_ds)
# %%
learn = cnn_learner(data, models.squeezenet1_1, metrics=error_rate)
learn.fit_one_cycle(2)
learn.save("stage-1")
learn.unfreeze()
learn.lr_find(start_lr=1e-5, end_lr=1e-1, num_it=20)
learn.recorder.plot()
learn.fit_one_cycle(2, max_lr=slice(3e-5, 3e-4))
learn.save("stage-2")
# %%
learn.load("stage-2")
interp = ClassificationInterpretation.from_learner(learn)
interp.plot_confusion_matrix()
# %%
db = ImageList.from_folder(path).split_none().label_from_folder().transform(get_transforms(), size=48).databunch(bs=8)
learn_cln = cnn_learner(db, models.squeezenet1_1, metrics=error_rate)
learn_cln.load("stage-2")
# %%
learn.export()
defaults.device = torch.device("cpu")
img = open_image(path / "red" / "00000001.jpg")
img
# %%
learn = load_learner(path)
pred_class, pred_idx, outputs = learn.predict(img)
assert pred_class.obj in classes
assert pred_class.obj == learn.data.classes[pred_idx]
assert outputs.shape == (2,)
# %%
learn = cnn_learner(data, models.squeezenet1_1, metrics=error_rate)
learn.fit_one_cycle(1, max_lr=0.5)
learn = cnn_learner(data, models.squeezenet1_1, metrics=error_rate)
learn.fit_one_cycle(2, max_lr=1e-5)
learn.recorder.plot_losses()
learn = cnn_learner(data, models.squeezenet1_1, metrics=error_rate, pretrained=False)
learn.fit_one_cycle(1)
# %%
np.random.seed(42)
data = ImageDataBunch.from_folder(
    path, train=".", valid_pct=0.8, bs=4,
    ds_tfms=get_transforms(do_flip=False, max_rotate=0, max_zoom=1, max_lighting=0, max_warp=0), size=48, num_workers=0,
).normalize(imagenet_stats)
learn = cnn_learner(data, models.squeezenet1_1, metrics=error_rate, ps=0, wd=0)
learn.unfreeze()
learn.fit_one_cycle(2, slice(1e-6, 1e-4))
