"""The cells of docs/tour.ipynb, which `make tour` makes of them and runs; also a script: `python docs/tour.py`."""

# %% [markdown]
# # A tour of latentsearch
#
# 300 faces that do not exist are drawn by a generator that ships with the package, then indexed, searched, filtered,
# compared and plotted. Every cell takes a few seconds on two cores. Made by `make tour`.

# %%
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import latentsearch as ls

drawn = subprocess.run([sys.executable, "-m", "latentsearch", "sample", "--count", "300", "-o", "faces"], check=True)

# %% [markdown]
# ## Index
#
# `create` makes an index, or opens the one that is there. `add` encodes what is new. `predict_labels` also predicts
# attributes such as smiling, with a network that learned them from CelebA.

# %%
faces = ls.create("faces.index")
summary = faces.add("faces", predict_labels=True)
print(f"{summary.encoded} faces at {summary.images_per_second:.0f} a second")
print(faces)

# %% [markdown]
# ## Search
#
# A query is a path, an array, a PIL image, the id of a stored picture, or several of these. The first picture is the
# query; below each hit stand its rank and the share of random pairs that are less alike.

# %%
query = "faces/sample-0-000007.png"
faces.search(query, k=7, exclude_self=True)

# %%
mirrored = np.asarray(Image.open(query))[:, ::-1]
faces.search(mirrored, k=3)

# %% [markdown]
# ## Filter
#
# Conditions hold for every hit, and k hits come back wherever k pictures match.

# %%
for label in faces.labels()[1:6]:
    print(f"{label.name:16} {label.type:8} {label.values}")

# %%
faces.search(query, k=7, where=["Black_Hair=1", "id>50"], exclude_self=True)

# %% [markdown]
# ## Duplicates
#
# A JPEG of one face and a grey copy of another are found, with what each has lost.

# %%
Image.open("faces/sample-0-000010.png").save("faces/copy.jpg", quality=90)
Image.open("faces/sample-0-000020.png").convert("L").save("faces/grey.png")
faces.add("faces", predict_labels=True)
for best, *copies in faces.duplicates():
    for copy in copies:
        print(f"{copy.image.path.rpartition('/')[2]} is a copy ({copy.kind}) of {best.image.path.rpartition('/')[2]}")

# %% [markdown]
# ## Encode
#
# `encode` gives codes of pictures that are not in the index, `codes` those that are stored.

# %%
print(faces.encode([mirrored, query]).shape)
ids, codes = faces.codes()
print(codes.shape, codes.dtype, faces.distance)

# %% [markdown]
# ## Plot
#
# The two directions in which the codes differ most, by their principal components.

# %%
centred = codes - codes.mean(axis=0)
x, y = (centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T).T
smiling = {hit.id for hit in faces.search(int(ids[0]), k=len(faces), where="Smiling=1")}
is_smiling = np.isin(ids, list(smiling))
figure, axes = plt.subplots(figsize=(5, 4))
axes.scatter(x[is_smiling], y[is_smiling], s=9, label="smiling")
axes.scatter(x[~is_smiling], y[~is_smiling], s=9, label="not smiling")
axes.set(xlabel="first component", ylabel="second component", title=f"{len(ids)} codes")
axes.legend()
plt.show()

# %%
faces.close()
