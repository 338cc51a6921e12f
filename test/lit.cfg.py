# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# lit's set-up: every test file with RUN lines under test/, except the unit tests and pytest's folder, which have their own runners.
import os

import lit.formats
from lit.llvm import llvm_config

config.name = "vTPU"
config.test_format = lit.formats.ShTest(not llvm_config.use_lit_shell)
config.suffixes = [".mlir", ".siw", ".test"]
config.excludes = ["Unit", "python", "Inputs", "install", "Conformance", "Fuzz"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.vtpu_obj_root, "test")

if os.path.exists(os.path.join(config.vtpu_obj_root, "lib", "libVTPUORC.so")):
    config.available_features.add("orc")

llvm_config.use_default_substitutions()
llvm_config.with_environment("PATH", [config.vtpu_tools_dir, config.llvm_tools_dir], append_path=True)
config.substitutions.append(("%python", config.python_executable))
config.substitutions.append(("%llvm_root", os.path.dirname(config.llvm_tools_dir)))
config.substitutions.append(("%vtpu_src_root", config.vtpu_src_root))
config.substitutions.append(("%vtpu_obj_root", config.vtpu_obj_root))
config.substitutions.append(("%vtpu_lib_dir", os.path.join(config.vtpu_obj_root, "lib")))
