"""Train a small convolutional network on scikit-learn's handwritten digits.

An ordinary PyTorch program: nothing in it knows about MAF vdev.

    python train_digits.py --device cuda --json result.json
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F


def digits(seed: int = 0) -> tuple[torch.Tensor, ...]:
    """(train_x, train_y, test_x, test_y): 1,797 images as (N, 1, 8, 8) float32, a quarter held out."""
    data = load_digits()
    order = np.random.RandomState(seed).permutation(len(data.target))
    x = torch.tensor(data.images[order] / 16.0, dtype=torch.float32).unsqueeze(1)
    y = torch.tensor(data.target[order])
    cut = len(y) * 3 // 4
    return x[:cut], y[:cut], x[cut:], y[cut:]


def network() -> nn.Module:
    """Three convolutions with batch normalisation, then a classifier."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * 16, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def train(device: str, epochs: int, batch: int) -> tuple[list[float], float]:
    """Every step's loss, and the accuracy on the held-out images."""
    torch.manual_seed(1)
    model = network().to(device)
    train_x, train_y, test_x, test_y = (t.to(device) for t in digits())
    # Small steps: at larger ones an activation that rounds to the other side of zero moves the next losses by 1e-3,
    # on any two machines.
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    shuffler = torch.Generator().manual_seed(3)
    losses = []
    for epoch in range(epochs):
        for indices in torch.randperm(len(train_y), generator=shuffler).split(batch):
            indices = indices.to(device)
            loss = F.cross_entropy(model(train_x[indices]), train_y[indices])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {np.mean(losses[-len(train_y) // batch :]):.4f}", flush=True)
    model.eval()
    with torch.no_grad():
        accuracy = (model(test_x).argmax(1) == test_y).float().mean().item()
    return losses, accuracy


def main() -> None:
    """Train on one device and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--json", help="write losses, accuracy and seconds to this file")
    options = parser.parse_args()
    name = torch.cuda.get_device_name() if options.device.startswith("cuda") else "the CPU"
    print(f"torch {torch.__version__} trains on {name}", flush=True)
    started = time.perf_counter()
    losses, accuracy = train(options.device, options.epochs, options.batch)
    seconds = time.perf_counter() - started
    print(f"test accuracy {accuracy:.2%} after {len(losses)} steps in {seconds:.1f} s")
    if options.json:
        with open(options.json, "w") as stream:
            json.dump({"losses": losses, "accuracy": accuracy, "seconds": seconds}, stream)


if __name__ == "__main__":
    main()
