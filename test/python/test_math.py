# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Errors of the elementary functions in units of the last place, against f64."""

import pytest
import torch
import vtpu
from checking import Wrap

# Bounds as lib/Conversion/LinalgToSIW/Math.cpp states them.
BOUNDS = {
    "exp": (torch.exp, -87.0, 88.0, 2.0),
    "log": (torch.log, 1e-30, 1e30, 2.0),
    "log_near_one": (torch.log, 0.5, 2.0, 2.0),
    "tanh": (torch.tanh, -10.0, 10.0, 3.0),
    "tanh_small": (torch.tanh, -0.7, 0.7, 3.0),
    "erf": (torch.erf, -4.5, 4.5, 2.0),
    "erf_small": (torch.erf, -1.1, 1.1, 2.0),
    "sqrt": (torch.sqrt, 0.0, 1e6, 0.5),
    "rsqrt": (torch.rsqrt, 1e-6, 1e6, 1.5),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_ulp(name):
    function, low, high, bound = BOUNDS[name]
    count = 20000
    if high / max(low, 1e-300) > 1e20 and low > 0:
        x = torch.logspace(torch.log10(torch.tensor(low)), torch.log10(torch.tensor(high)), count)
    else:
        x = torch.linspace(low, high, count)
    result = vtpu.compile(Wrap(function), (x,))["main"](x)
    exact = function(x.double())
    place = torch.nextafter(exact.float().abs(), torch.tensor(float("inf"))) - exact.float().abs()
    error = ((result.double() - exact).abs() / place.double()).max()
    assert error <= bound + 0.01, f"{name}: {float(error):.2f} ulp, bound {bound}"
