# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""vtpu.hypergraph_aggregate in both directions, with and without weights and normalisation, against index_add."""

import pytest
import torch
import vtpu

PINS, COLUMNS, NODES, EDGES = 9, 20, 6, 3


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("normalization", ["none", "mean"])
@pytest.mark.parametrize("direction", ["node_to_edge", "edge_to_node"])
def test_aggregate(direction, normalization, weighted):
    nodes, edges, weights = torch.randint(0, NODES, (PINS,)), torch.randint(0, EDGES, (PINS,)), torch.randn(PINS)
    forward = direction == "node_to_edge"
    source, target = (nodes, edges) if forward else (edges, nodes)
    rows, results = (NODES, EDGES) if forward else (EDGES, NODES)
    features = torch.randn(rows, COLUMNS)
    pins = f"tensor<{PINS}xi64>"
    extra = f"tensor<{PINS}xf32>"
    text = f"""
func.func @main(%x: tensor<{rows}x{COLUMNS}xf32>, %n: {pins}, %e: {pins}{', %w: ' + extra if weighted else ''}) -> tensor<{results}x{COLUMNS}xf32> {{
  %0 = vtpu.hypergraph_aggregate <{direction}> %x by %n, %e {'weights %w' if weighted else ''} {{normalization = #vtpu.normalization<{normalization}>}}
    : tensor<{rows}x{COLUMNS}xf32>, {pins}, {pins}{', ' + extra if weighted else ''} -> tensor<{results}x{COLUMNS}xf32>
  return %0 : tensor<{results}x{COLUMNS}xf32>
}}"""
    args = (features, nodes, edges) + ((weights,) if weighted else ())
    actual = torch.as_tensor(vtpu.compile_mlir(text)["main"](*args))
    expected = torch.zeros(results, COLUMNS).index_add(0, target, features[source] * (weights[:, None] if weighted else 1))
    if normalization == "mean":
        expected = expected / torch.bincount(target, minlength=results).clamp(min=1)[:, None]
    torch.testing.assert_close(actual, expected, rtol=1e-6, atol=1e-6)
