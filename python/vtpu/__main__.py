# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The `vtpu` command: `python -m vtpu compile|run|bench`. Exit codes: 0 success, 1 a user's error, 3 the toolchain's."""

import importlib.util
import io
import json
import os
import sys
import traceback

import click
import numpy

import vtpu

from . import _parameters
from ._errors import VtpuError
from ._progress import Progress
from ._signature import tensors_of


@click.group()
@click.version_option(vtpu.__version__, message="vtpu %(version)s (vTPU toolchain)")
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
    """Compiles SOURCE to a program: MLIR text, or Python.

    A .py file defines `module` and `args`, a tuple of example inputs."""
    with Progress(f"reading {source}") as progress:
        base = os.path.splitext(source)[0]
        exported = None
        if source.endswith(".py"):
            module, args = _definitions(source)
            progress.stage = "exporting"
            exported = vtpu.export(module, args)

        def on_phase(name):
            progress.stage = f"compiling to phase {name}"

        if phase != "binary":
            if not exported:
                with open(source, encoding="utf-8") as stream:
                    text = stream.read()
            result = vtpu.lower_mlir(exported.mlir_text if exported else text, compile_from=start, compile_to=phase, port_table=port_table, on_phase=on_phase)
            if output:
                _parameters.write_all([(output, [result.encode()])])
        else:
            name = os.path.basename(base)
            if exported:
                program = vtpu.compile(exported, name=name, port_table=port_table, on_phase=on_phase)
            else:
                program = vtpu.compile_mlir(source, compile_from=start, parameters=parameters, name=name, port_table=port_table, on_phase=on_phase)
            progress.stage = "saving"
            program.save(output or base + ".vtpu")
    if phase == "binary":
        for entry in program.entries.values():
            click.echo(repr(entry))
    elif not output:
        click.echo(result, nl=False)


def _definitions(source):
    """`module` and `args` of a Python file."""
    spec = importlib.util.spec_from_file_location("vtpu_source", source)
    namespace = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(namespace)
    except Exception as error:  # noqa: BLE001 - whatever the user's file raises
        raise VtpuError(f"{source} fails: {type(error).__name__}: {error}") from error
    if not hasattr(namespace, "module") or not hasattr(namespace, "args"):
        raise VtpuError(f"{source} defines no `module` and `args`; assign the module and a tuple of example inputs")
    return namespace.module, namespace.args


@main.command("run")
@click.argument("program", type=click.Path(exists=True, dir_okay=False))
@click.option("--entry", help="entry to run (default: the only one, or main)")
@click.option("--input", "inputs", multiple=True, type=click.Path(exists=True), help="a .npy file per input, in order")
@click.option("--output", "outputs", multiple=True, type=click.Path(), help="a .npy file per result, in order")
@click.option("--tier", default="default", type=click.Choice(["default", "interpreter", "jit"]), show_default=True)
@click.option("--parameters", type=click.Path(), help="safetensors file with the parameters")
def run_command(program, entry, inputs, outputs, tier, parameters):
    """Runs PROGRAM on .npy files; prints results without a file."""
    with Progress(f"loading {program}") as progress:
        loaded = vtpu.load(program, tier=tier, parameters=parameters)
        names = list(loaded)
        name = entry or (names[0] if len(names) == 1 else "main")
        if name not in loaded.entries:
            raise VtpuError(f"no entry '{name}'; the program has {', '.join(names)}")
        arrays = [_array(path) for path in inputs]
        progress.stage = f"running {name}"
        results = tensors_of(loaded[name](*arrays))
    if len(outputs) > len(results):
        raise VtpuError(f"{len(outputs)} files for {len(results)} results of '{name}'")
    for i, result in enumerate(results):
        if i < len(outputs):
            stream = io.BytesIO()
            numpy.save(stream, numpy.asarray(result))
            _parameters.write_all([(outputs[i], [stream.getvalue()])])
        else:
            click.echo(f"{loaded[name].outputs[i][0]}: {result}")


def _array(path):
    """The array of a .npy file."""
    try:
        return numpy.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise VtpuError(f"{path} is not a .npy file: {error}") from error


@main.group()
def bench():
    """Measures programs beside their peers."""


@bench.command("report")
@click.option("--suite", default="main", show_default=True, type=click.Choice(["main"]), help="what to measure")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="write all figures")
@click.option("--quick", is_flag=True, help="few repetitions: shows that everything runs, its figures mean little")
@click.option("--seed", default=0, show_default=True, help="of the random inputs")
@click.option("--keep-baselines", is_flag=True, help="make the figures the baseline of this processor")
def bench_report(suite, json_path, quick, seed, keep_baselines):
    """Prints a table: value, target, met or missed, peer."""
    from .bench import main_suite, report

    with Progress(f"measuring suite {suite}") as progress:
        options = report.Options(seed=seed, quick=quick, say=lambda text: setattr(progress, "stage", text))
        figures_text, figures = report.run({"main": main_suite.suite}[suite], suite, options)
    click.echo(figures_text)
    if json_path:
        with open(json_path, "w", encoding="utf-8") as stream:
            json.dump(figures, stream, indent=1)
            stream.write("\n")
    if keep_baselines:
        report.keep_baselines(figures)


def run():
    """The command; returns its exit code."""
    try:
        main(prog_name="vtpu", standalone_mode=False)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "vtpu"
        click.echo(f"vtpu: {error.format_message().rstrip('.')}; see {path} --help", err=True)
        return 1
    except (VtpuError, TypeError, ValueError, OSError) as error:
        click.echo(f"vtpu: {error}", err=True)
        return 1
    except (click.Abort, KeyboardInterrupt):
        click.echo("vtpu: interrupted", err=True)
        return 130
    except Exception:  # noqa: BLE001 - the toolchain's mistake
        traceback.print_exc()
        click.echo("vtpu: internal error; the lines above belong into a report", err=True)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(run())
