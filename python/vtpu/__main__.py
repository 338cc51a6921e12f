# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The `vtpu` command: `python -m vtpu compile|run`. Exit codes: 0 success, 1 a user's error."""

import importlib.util
import os
import sys
import time

import click

from ._errors import VtpuError


def _say(text):
    """Progress, on a terminal only."""
    if sys.stderr.isatty():
        click.echo(text, err=True)


@click.group()
def main():
    """Compiles PyTorch modules and MLIR programs to words and runs them."""


@main.command("compile")
@click.argument("source", type=click.Path(exists=True, dir_okay=False))
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="program to write (default: the source's name with .vtpu)")
@click.option("--compile-to", "phase", default="binary", show_default=True, help="phase to stop at; earlier phases are written as text")
@click.option("--compile-from", "start", default="input", show_default=True, help="phase the text is in")
@click.option("--parameters", type=click.Path(), help="safetensors file that holds the parameters of MLIR text")
@click.option("--port-table", default="", help="port table that schedules the words, by name (default: zen5)")
def compile_command(source, output, phase, start, parameters, port_table):
    """Compiles SOURCE: MLIR text (.mlir), or Python (.py) that defines `module` and `args`."""
    import vtpu

    began = time.monotonic()
    base = os.path.splitext(source)[0]
    if source.endswith(".py"):
        spec = importlib.util.spec_from_file_location("vtpu_source", source)
        namespace = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(namespace)
        if not hasattr(namespace, "module") or not hasattr(namespace, "args"):
            raise VtpuError(f"{source} defines no `module` and `args`; assign the module and a tuple of example inputs")
        _say("exporting")
        exported = vtpu.export(namespace.module, namespace.args)
        text = exported.mlir_text
    else:
        exported = None
        with open(source, encoding="utf-8") as stream:
            text = stream.read()
    _say(f"compiling ({time.monotonic() - began:.1f} s)")
    if phase != "binary":
        result = vtpu.lower_mlir(text, compile_from=start, compile_to=phase, port_table=port_table)
        if output:
            with open(output, "w", encoding="utf-8") as stream:
                stream.write(result)
        else:
            click.echo(result, nl=False)
        return
    name = os.path.basename(base)
    if exported:
        program = vtpu.compile(exported, name=name, port_table=port_table)
    else:
        program = vtpu.compile_mlir(source, compile_from=start, parameters=parameters, name=name, port_table=port_table)
    program.save(output or base + ".vtpu")
    _say(f"done ({time.monotonic() - began:.1f} s)")
    for entry in program.entries.values():
        click.echo(repr(entry))


@main.command("run", context_settings={"ignore_unknown_options": True})
@click.argument("program", type=click.Path(exists=True, dir_okay=False))
@click.option("--entry", help="entry to run (default: the only one, or main)")
@click.option("--input", "inputs", multiple=True, type=click.Path(exists=True), help="a .npy file per input, in order")
@click.option("--output", "outputs", multiple=True, type=click.Path(), help="a .npy file per result, in order")
@click.option("--tier", default="default", type=click.Choice(["default", "interpreter", "jit"]), show_default=True)
@click.option("--parameters", type=click.Path(), help="safetensors file with the parameters")
def run_command(program, entry, inputs, outputs, tier, parameters):
    """Runs PROGRAM on arrays from .npy files; prints results that go to no file."""
    import numpy

    import vtpu

    loaded = vtpu.load(program, tier=tier, parameters=parameters)
    names = list(loaded)
    name = entry or (names[0] if len(names) == 1 else "main")
    if name not in loaded.entries:
        raise VtpuError(f"no entry '{name}'; the program has {', '.join(names)}")
    results = loaded[name](*[numpy.load(path) for path in inputs])
    results = results if isinstance(results, tuple) else (results,)
    for i, result in enumerate(results):
        if i < len(outputs):
            numpy.save(outputs[i], numpy.asarray(result))
        else:
            click.echo(f"{loaded[name].outputs[i][0]}: {result}")


@main.group()
def bench():
    """Benchmarks with their peers, in turns in one run."""


@bench.command("report")
@click.option("--suite", default="main", show_default=True, type=click.Choice(["main"]), help="what to measure")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="write all figures")
@click.option("--quick", is_flag=True, help="few repetitions: shows that everything runs, its figures mean little")
@click.option("--seed", default=0, show_default=True, help="of the random inputs")
@click.option("--keep-baselines", is_flag=True, help="make the figures the baseline of this processor")
def bench_report(suite, json_path, quick, seed, keep_baselines):
    """Measures a SUITE and prints a table: value, target, met or missed, peer."""
    import json

    from .bench import main_suite, report

    options = report.Options(seed=seed, quick=quick, say=_say)
    text, figures = report.run({"main": main_suite.suite}[suite], suite, options)
    click.echo(text)
    if json_path:
        with open(json_path, "w", encoding="utf-8") as stream:
            json.dump(figures, stream, indent=1)
            stream.write("\n")
    if keep_baselines:
        report.keep_baselines(figures)


def run():
    try:
        main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return 1
    except (VtpuError, TypeError, ValueError, OSError) as error:
        click.echo(f"vtpu: {error}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run())
