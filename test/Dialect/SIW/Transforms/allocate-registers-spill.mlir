// What happens to registers when there are not enough. Runs of such functions: test/python/test_registers.py.
// RUN: %python %S/Inputs/many_values.py integers 20 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=INTEGER
// RUN: %python %S/Inputs/many_values.py pointers 20 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=POINTER
// RUN: %python %S/Inputs/many_values.py carried 20 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=CARRIED
// RUN: %python %S/Inputs/many_values.py walking 20 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=WALKING
// RUN: %python %S/Inputs/many_values.py vectors 40 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=VECTORS
// RUN: %python %S/Inputs/many_values.py counters 17 | not vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' 2>&1 | FileCheck %s --check-prefix=COUNTERS
