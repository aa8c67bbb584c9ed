# Lesson 7: a residual network from scratch.
# %%
from handlens.vision import *

path = untar_data(URLs.MNIST)
path.ls()
il = ImageList.from_folder(path, convert_mode="L")
il.items[0]
defaults.cmap = "binary"
il
# %%
il[0].show()
sd = il.split_by_folder(train="training", valid="testing")
sd
(path / "training").ls()
ll = sd.label_from_folder()
ll
x, y = ll.train[0]
x.show()
print(y, x.shape)
assert x.shape == (1, 28, 28)
# %%
tfms = ([*rand_pad(padding=3, size=28, mode="zeros")], [])
ll = ll.transform(tfms)
bs = 16
data = ll.databunch(bs=bs).normalize()
x, y = data.train_ds[0]
x.show()
print(y)


def _plot(i, j, ax):
    data.train_ds[0][0].show(ax, cmap="gray")


plot_multi(_plot, 3, 3, figsize=(8, 8))
xb, yb = data.one_batch()
assert xb.shape == (16, 1, 28, 28) and yb.shape == (16,)
data.show_batch(rows=3, figsize=(5, 5))


# %%
def conv(ni, nf):
    return nn.Conv2d(ni, nf, kernel_size=3, stride=2, padding=1)


model = nn.Sequential(
    conv(1, 8), nn.BatchNorm2d(8), nn.ReLU(),  # 14
    conv(8, 16), nn.BatchNorm2d(16), nn.ReLU(),  # 7
    conv(16, 32), nn.BatchNorm2d(32), nn.ReLU(),  # 4
    conv(32, 16), nn.BatchNorm2d(16), nn.ReLU(),  # 2
    conv(16, 10), nn.BatchNorm2d(10),  # 1
    Flatten(),
)
learn = Learner(data, model, loss_func=nn.CrossEntropyLoss(), metrics=accuracy)
print(learn.summary())
model(xb).shape
learn.lr_find(end_lr=100)
learn.recorder.plot()
learn.fit_one_cycle(2, max_lr=0.1)


# %%
def conv2(ni, nf):
    return conv_layer(ni, nf, stride=2)


model = nn.Sequential(conv2(1, 8), conv2(8, 16), conv2(16, 32), conv2(32, 16), conv2(16, 10), Flatten())
learn = Learner(data, model, loss_func=nn.CrossEntropyLoss(), metrics=accuracy)
learn.fit_one_cycle(2, max_lr=0.1)


# %%
class ResBlock(nn.Module):
    def __init__(self, nf):
        super().__init__()
        self.conv1 = conv_layer(nf, nf)
        self.conv2 = conv_layer(nf, nf)

    def forward(self, x):
        return x + self.conv2(self.conv1(x))


help(res_block)
model = nn.Sequential(
    conv2(1, 8), res_block(8), conv2(8, 16), res_block(16), conv2(16, 32), res_block(32), conv2(32, 16), res_block(16),
    conv2(16, 10), Flatten(),
)


def conv_and_res(ni, nf):
    return nn.Sequential(conv2(ni, nf), res_block(nf))


model = nn.Sequential(conv_and_res(1, 8), conv_and_res(8, 16), conv_and_res(16, 32), conv_and_res(32, 16), conv2(16, 10), Flatten())
learn = Learner(data, model, loss_func=nn.CrossEntropyLoss(), metrics=accuracy)
learn.lr_find(end_lr=100)
learn.recorder.plot()
learn.fit_one_cycle(2, max_lr=0.05)
print(learn.summary())
# %%
learn = Learner(data, simple_cnn((1, 8, 16, 10)), loss_func=nn.CrossEntropyLoss(), metrics=accuracy).mixup()
learn.fit_one_cycle(cyc_len=1, max_lr=0.05)
learn.interpret().plot_confusion_matrix()
