#!/usr/bin/python3
"""Writes cars/: annotations of four invented cars in the devkit's layout, as SciPy's MATLAB files.

Needs Debian's python3-scipy.
"""
import pathlib

import numpy as np
from scipy.io import savemat

root = pathlib.Path(__file__).with_name("cars")
root.mkdir(exist_ok=True)
names = np.empty((1, 3), object)
names[0, :] = ["AM General Hummer SUV 2000", "Acura RL Sedan 2012", "Audi S4 Sedan 2012"]
savemat(root / "cars_meta.mat", {"class_names": names})


def annotations(entries, label_type=np.uint8, box_type=np.uint16, with_class=True):
    kind = (
        [(n, object) for n in ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")]
        + ([("class", object)] if with_class else [])
        + [("fname", object)]
    )
    out = np.empty((1, len(entries)), kind)
    for i, (box, label, name) in enumerate(entries):
        out[0, i] = tuple(
            [box_type([[b]]) for b in box]
            + ([label_type([[label]])] if with_class else [])
            + [name]
        )
    return {"annotations": out}


train = [((2, 3, 20, 15), 1, "00001.jpg"), ((1, 1, 26, 20), 3, "00002.jpg")]
test = [((5, 4, 14, 13), 2, "00001.jpg"), ((1, 2, 10, 300), 1, "00002.jpg")]
savemat(root / "cars_train_annos.mat", annotations(train), do_compression=True)
savemat(root / "cars_test_annos_withlabels.mat", annotations(test))
savemat(root / "cars_test_annos.mat", annotations(test, with_class=False))
savemat(root / "int64.mat", annotations(test, np.int64, np.int64))
savemat(root / "single.mat", annotations(test, np.float32, np.float32))
# The least, the greatest and another value of every class of numbers.
integers = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
numbers = {n: np.array([[np.iinfo(n).min, 7, np.iinfo(n).max]], n) for n in integers}
numbers |= {n: np.array([[-0.5, 7, np.finfo(n).max]], n) for n in ("float32", "float64")}
savemat(root / "numbers.mat", numbers)
savemat(root / "bad_class.mat", annotations([((1, 1, 2, 2), 9, "00001.jpg")]))
savemat(root / "bad_label.mat", annotations([((1, 1, 2, 2), 1.5, "00001.jpg")], np.float64))
savemat(root / "bad_name.mat", annotations([((1, 1, 2, 2), 1, "../../etc/passwd")]))
