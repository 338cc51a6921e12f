# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The `vtpu` command: `python -m vtpu compile|run|calibrate|analyze|bench`. Exit codes: 0 success, 1 a user's error, 3 the toolchain's."""

import importlib.util
import io
import json
import os
import pathlib
import subprocess
import sys
import traceback

import click
import numpy
import torch

import vtpu

from . import _analysis, _parameters
from ._errors import CompilerBroken, VtpuError
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
@click.option("--port-table", default="", help="port table that schedules the words: a name, host (see calibrate) or FILE.json (default: zen5)")
@click.option("--schedule", default="modulo", show_default=True, help="how words are ordered: list (straight runs), modulo (loops too), exact (a solver proves loops)")
@click.option("--reproducer", type=click.Path(dir_okay=False), help="file for what reproduces a failure of the compiler (default: one in the temporary folder)")
@click.option("--keep", multiple=True, metavar="NAME", help="submodule whose results the program keeps beside its own; may be repeated")
def compile_command(source, output, phase, start, parameters, port_table, schedule, reproducer, keep):
    """Compiles SOURCE to a program: MLIR text, or Python.

    A .py file defines `module` and `args`, a tuple of example inputs."""
    exported = source.endswith(".py")
    for option, given in (("--parameters", parameters), ("--compile-from", start != "input")):
        if exported and given:
            raise VtpuError(f"{source}: {option} is for MLIR text; a Python module brings its parameters and starts at phase input")
    if keep and not exported:
        raise VtpuError(f"{source}: --keep is for Python modules; MLIR text returns what it names")
    with Progress(f"reading {source}") as progress:
        base = os.path.splitext(source)[0]
        if exported:
            module, args = _definitions(source)
            progress.stage = "exporting"
            exported = vtpu.export(module, args, keep=keep)

        def on_phase(name):
            progress.stage = f"compiling to phase {name}"

        options = {"reproducer": reproducer, "port_table": port_table, "schedule": schedule, "on_phase": on_phase}
        if phase != "binary":
            if exported:
                result = vtpu.lower_mlir(exported.mlir_text, compile_to=phase, tensors={name: tensor for name, tensor, _ in exported.parameters}, **options)
            else:
                result = vtpu.lower_mlir(pathlib.Path(source), compile_from=start, compile_to=phase, parameters=parameters, **options)
            if output:
                _parameters.write_all([(output, [result.encode()])])
        else:
            name = os.path.basename(base)
            output = output or base + ".vtpu"
            if exported:
                program = vtpu.compile(exported, name=name, **options)
            else:
                program = vtpu.compile_mlir(pathlib.Path(source), compile_from=start, parameters=parameters, name=name, output=output, **options)
            progress.stage = "saving"
            program.save(output)
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
@click.option("--tier", default="default", type=click.Choice(["default", "interpreter", "jit", "orc"]), show_default=True)
@click.option("--parameters", type=click.Path(), help="safetensors file with the parameters")
def run_command(program, entry, inputs, outputs, tier, parameters):
    """Runs PROGRAM on .npy files; prints results without a file.

    NumPy has no bfloat16: such tensors are files of 16-bit patterns, uint16."""
    with Progress(f"loading {program}") as progress:
        loaded = vtpu.load(program, tier=tier, parameters=parameters)
        names = list(loaded)
        name = entry or (names[0] if len(names) == 1 else "main")
        if name not in loaded.entries:
            raise VtpuError(f"no entry '{name}'; the program has {', '.join(names)}")
        wanted = loaded[name].inputs
        arrays = [_array(path, wanted[i][1] if i < len(wanted) else None) for i, path in enumerate(inputs)]
        progress.stage = f"running {name}"
        results = tensors_of(loaded[name](*arrays))
    if len(outputs) > len(results):
        raise VtpuError(f"{len(outputs)} files for {len(results)} results of '{name}'")
    for i, result in enumerate(results):
        if i < len(outputs):
            stream = io.BytesIO()
            if loaded[name].outputs[i][1] == "bfloat16":
                result = result.view(torch.uint16)
            numpy.save(stream, numpy.asarray(result))
            _parameters.write_all([(outputs[i], [stream.getvalue()])])
        else:
            click.echo(f"{loaded[name].outputs[i][0]}: {result}")


def _array(path, dtype):
    """The array of a .npy file, for an input of a type."""
    try:
        array = numpy.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise VtpuError(f"{path} is not a .npy file: {error}") from error
    if dtype != "bfloat16":
        return array
    if not isinstance(array, numpy.ndarray) or array.dtype.itemsize != 2 or array.dtype.kind not in "uiV":
        raise VtpuError(f"{path} has type {getattr(array, 'dtype', 'archive')}, expected the 16-bit patterns of bfloat16; save them as uint16")
    return torch.from_numpy(array.view(numpy.int16)).view(torch.bfloat16)


@main.command("calibrate")
@click.option("--force", is_flag=True, help="measure although this machine has been measured")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="write the table there instead of into the cache")
def calibrate_command(force, output):
    """Measures this machine for --port-table=host: seconds, once."""
    from .bench.measure import build_tool

    tool = build_tool("vtpu-calibrate")
    sys.exit(subprocess.run([tool, *(["--force"] if force else []), *([f"--output={output}"] if output else [])], check=False).returncode)


@main.command("analyze", context_settings={"ignore_unknown_options": True})
@click.argument("mode", type=click.Choice(_analysis.MODES))
@click.argument("files", nargs=-1, required=True)
@click.option("--picture", type=click.Path(dir_okay=False), help="draw what was found: .svg, .png or .pdf")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="write all figures")
def analyze_command(mode, files, picture, json_path):
    """Analyses a program with vtpu-mca --MODE and draws what it finds.

    Other options go to vtpu-mca: see vtpu-mca --help."""
    options = [word for word in files if word.startswith("-")]
    files = [word for word in files if not word.startswith("-")]
    with Progress(f"analysing {' '.join(files)}") as progress:
        report = _analysis.analyze(mode, files, options)
        if picture:
            progress.stage = f"drawing {picture}"
            _analysis.draw(mode, report, picture)
    if json_path:
        with open(json_path, "w", encoding="utf-8") as stream:
            json.dump(report, stream, indent=1)
            stream.write("\n")
    if not picture and not json_path:
        click.echo(json.dumps(report, indent=1))


@main.group()
def bench():
    """Measures programs beside their peers."""


@bench.command("report")
@click.option("--suite", default="main", show_default=True, type=click.Choice(["main", "machine", "schedule"]), help="what to measure")
@click.option("--section", "sections", multiple=True, metavar="NAME", help="only this part of machine or schedule (repeatable)")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="write all figures")
@click.option("--pictures", type=click.Path(file_okay=False), help="folder for what a suite draws (.svg)")
@click.option("--quick", is_flag=True, help="few repetitions: shows that everything runs, its figures mean little")
@click.option("--seed", default=0, show_default=True, help="of the random inputs")
@click.option("--keep-baselines", is_flag=True, help="make the figures the baseline of this processor")
def bench_report(suite, sections, json_path, pictures, quick, seed, keep_baselines):
    """Prints a table: value, target, met or missed, peer."""
    from .bench import machine, main_suite, report, schedule
    from .bench import sections as bench_sections

    if sections and suite == "main":
        raise click.UsageError("the suite 'main' has no sections; leave --section away")
    if sections and keep_baselines:
        raise click.UsageError("--keep-baselines takes the figures of whole suites; leave --section away")
    suites = {"main": main_suite, "machine": machine, "schedule": schedule}
    try:
        if sections:
            bench_sections.of(suites[suite], sections)
    except ValueError as error:
        raise click.BadParameter(f"{error}", param_hint="--section") from error
    with Progress(f"measuring suite {suite}") as progress:
        options = report.Options(seed=seed, quick=quick, say=lambda text: setattr(progress, "stage", text), pictures=pictures, sections=sections)
        figures_text, figures = report.run(suites[suite].suite, suite, options)
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
    except CompilerBroken as error:
        click.echo(f"vtpu: {error}", err=True)
        return 3
    except (VtpuError, OSError) as error:
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
