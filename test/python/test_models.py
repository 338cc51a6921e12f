# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whole models in both tiers, from two threads, compared with PyTorch in f64."""

import pytest
import torch
import torch.nn.functional as F
import vtpu
from checking import check
from torch import nn


def mlp():
    return nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10), nn.Softmax(-1)), (torch.randn(9, 64),)


def cnn():
    from sklearn.datasets import load_digits

    images = torch.from_numpy(load_digits().images[:4].astype("float32") / 16).unsqueeze(1)
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
                          nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    return model, (images,)


class Block(nn.Module):
    """A pre-norm transformer block with causal attention."""

    def __init__(self, width=64, heads=4):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, t, w = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, w))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


def transformer_block():
    return Block(), (torch.randn(1, 17, 64),)


def qwen3():
    from transformers import Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(vocab_size=97, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                         head_dim=16, max_position_embeddings=64)

    class Logits(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = Qwen3ForCausalLM(config)

        def forward(self, ids):
            return self.model(input_ids=ids, use_cache=False).logits

    return Logits(), (torch.randint(0, 97, (1, 12)),)


def minilm():
    from vtpu.demo import load_encoder

    return load_encoder()[0], (torch.randint(1000, 20000, (1, 16)), torch.ones(1, 16, dtype=torch.int64))


class Graph(nn.Module):
    """Two layers over a fixed graph."""

    def __init__(self, make):
        super().__init__()
        self.first, self.second = make(16, 24), make(24, 5)
        nodes = torch.arange(30)
        ring = torch.stack([nodes, (nodes + 1) % 30])
        chords = torch.stack([nodes, (nodes * 7 + 3) % 30])
        edges = torch.cat([ring, ring.flip(0), chords, chords.flip(0)], 1)
        self.register_buffer("edges", edges[:, edges[0] != edges[1]])

    def forward(self, x):
        return self.second(self.first(x, self.edges).relu(), self.edges)


def graph(kind):
    from torch_geometric import nn as pyg

    layers = {
        "gcn": lambda: pyg.GCNConv, "sage": lambda: pyg.SAGEConv, "gat": lambda: pyg.GATConv, "hypergraph": lambda: pyg.HypergraphConv,
        "gin": lambda: lambda a, b: pyg.GINConv(nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, b))),
    }
    return Graph(layers[kind]()), (torch.randn(30, 16),)


MODELS = {"mlp": mlp, "cnn": cnn, "transformer_block": transformer_block, "qwen3": qwen3, "minilm": minilm,
          **{kind: (lambda kind=kind: graph(kind)) for kind in ("gcn", "sage", "gin", "gat", "hypergraph")}}


@pytest.mark.parametrize("name", MODELS)
def test_model(name):
    model, args = MODELS[name]()
    check(model, args, tolerance=1e-4)


def test_identical_layers_are_compiled_once():
    layer = nn.Linear(32, 32)
    other = nn.Linear(32, 32)
    one = vtpu.compile(nn.Sequential(layer, nn.ReLU()), (torch.randn(4, 32),))["main"].stats()["words"]
    three = vtpu.compile(nn.Sequential(layer, nn.ReLU(), other, nn.ReLU(), nn.Linear(32, 32), nn.ReLU()), (torch.randn(4, 32),))["main"].stats()["words"]
    assert three < 1.5 * one
