"""A YOLO checkpoint as ultralytics' trainer writes it: a whole pickled model in half precision, arguments, metrics."""
import os
import warnings

import without_torchvision  # before ultralytics

import corpus

# The smallest head there is: YOLOv8's layers, eight channels wide.
SMALL = {"nc": 2, "reg_max": 1, "scales": {"n": [0.33, 0.0625, 64]}, "scale": "n",
         "backbone": [[-1, 1, "Conv", [64, 3, 2]], [-1, 1, "Conv", [64, 3, 2]], [-1, 1, "C2f", [64, True]], [-1, 1, "SPPF", [64, 5]]],
         "head": [[-1, 1, "nn.Upsample", ["None", 2, "nearest"]], [[2, 3], 1, "Detect", ["nc"]]]}


def make():
    warnings.simplefilter("ignore")
    os.environ["YOLO_CONFIG_DIR"] = corpus.RUN  # its settings go there
    without_torchvision.metadata_too()
    import torch
    from ultralytics.cfg import get_cfg
    from ultralytics.nn.tasks import DetectionModel
    group = corpus.Group("ultralytics", ["ultralytics", "torch"])
    corpus.seed()
    model = DetectionModel(SMALL, verbose=False)
    model.args = vars(get_cfg())
    group.save("yolo.pt", {
        "epoch": -1, "best_fitness": None, "model": None, "ema": model.half(), "updates": None, "optimizer": None,
        "train_args": vars(get_cfg()), "train_metrics": {"metrics/mAP50(B)": 0.5, "fitness": 0.4}, "train_results": {"epoch": [1]},
        "date": "2024-01-02T03:04:05", "version": "8.4.190", "license": "AGPL-3.0", "docs": "docs"},
        "what its trainer saves, put together by hand of its parts", key="ema", by_hand=True)
    group.close()
