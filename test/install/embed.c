/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
   Loads a .vtpu file, fills every input with ones, calls its first entry and prints the first element of every f32 output. */
#include <stdio.h>
#include <stdlib.h>
#include <vtpu/Runtime/vtpu.h>

static void *tensor(const vtpu_tensor_info *info) {
  float *data = aligned_alloc(64, (info->bytes + 63) / 64 * 64);
  for (uint64_t i = 0; info->dtype == VTPU_F32 && i < info->bytes / 4; ++i)
    data[i] = 1;
  return data;
}

int main(int argc, char **argv) {
  vtpu_program *program;
  vtpu_tensor_info info;
  const void *inputs[16];
  void *outputs[16];
  if (argc != 2 || vtpu_load_file(argv[1], NULL, &program) != 0)
    return fprintf(stderr, "%s\n", argc == 2 ? vtpu_last_error() : "usage: embed FILE.vtpu"), 1;
  for (uint32_t i = 0; i < vtpu_input_count(program, 0) && vtpu_input_info(program, 0, i, &info) == 0; ++i)
    inputs[i] = tensor(&info);
  for (uint32_t i = 0; i < vtpu_output_count(program, 0) && vtpu_output_info(program, 0, i, &info) == 0; ++i)
    outputs[i] = tensor(&info);
  if (vtpu_call(program, 0, inputs, outputs) != 0)
    return fprintf(stderr, "%s\n", vtpu_last_error()), 1;
  for (uint32_t i = 0; i < vtpu_output_count(program, 0); ++i)
    printf("%s: output %u starts with %g\n", vtpu_entry_name(program, 0), i, *(float *)outputs[i]);
  vtpu_release(program);
}
