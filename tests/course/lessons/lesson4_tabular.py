# Lesson 4: a table.
# %%
from handlens.tabular import *

path = untar_data(URLs.ADULT_SAMPLE)
df = pd.read_csv(path / "adult.csv")
dep_var = "salary"
cat_names = ["workclass", "education", "marital-status", "occupation", "relationship", "race"]
cont_names = ["age", "fnlwgt", "education-num"]
procs = [FillMissing, Categorify, Normalize]
# %%
test = TabularList.from_df(df.iloc[800:1000].copy(), path=path, cat_names=cat_names, cont_names=cont_names)
data = (
    TabularList.from_df(df, path=path, cat_names=cat_names, cont_names=cont_names, procs=procs)
    .split_by_idx(list(range(800, 1000)))
    .label_from_df(cols=dep_var)
    .add_test(test)
    .databunch()
)
data.show_batch(rows=10)
# %%
learn = tabular_learner(data, layers=[200, 100], metrics=accuracy)
learn.fit(1, 1e-2)
# %%
row = df.iloc[0]
label, code, values = learn.predict(row)
assert label.obj == data.classes[code] and len(values) == 2
# %%
preds, _ = learn.get_preds(DatasetType.Test)
assert preds.shape == (200, 2)
assert torch.allclose(preds, learn.get_preds(DatasetType.Valid)[0], atol=1e-6)
