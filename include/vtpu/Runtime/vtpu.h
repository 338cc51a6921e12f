/*===- vtpu.h - The C API of the runtime ---------------------------*- C -*-===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* Loads `.vtpu` files and calls their entries. No LLVM (but for the ORC tier's library), no MLIR, no Python. Functions that can fail return 0 on
|* success and a negative code otherwise; vtpu_last_error() then holds one sentence (per thread). A program may be called by several threads at
|* once: each call takes a calling context (arena, stacks) from the program's pool.
|*
\*===----------------------------------------------------------------------===*/

#ifndef VTPU_RUNTIME_VTPU_H
#define VTPU_RUNTIME_VTPU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vtpu_program vtpu_program;

/* With a type of their own in C++ too, so that any number may be passed; unknown ones are refused by name. */
#ifdef __cplusplus
#define VTPU_ENUM(name) enum name : uint32_t
#else
#define VTPU_ENUM(name) enum name
#endif

/* All give the same bits. */
typedef VTPU_ENUM(vtpu_tier) {
  VTPU_TIER_DEFAULT = 0,     /* template JIT where the CPU has AVX-512, else ORC if its library is there, else the interpreter (said on stderr) */
  VTPU_TIER_INTERPRETER = 1, /* the reference interpreter */
  VTPU_TIER_JIT = 2,         /* the template JIT; an error on a CPU that lacks AVX-512 */
  VTPU_TIER_ORC = 3          /* LLVM's JIT, on any CPU that LLVM knows; an error without the library libVTPUORC.so */
} vtpu_tier;

/* Numbers of vtpu::DType. */
typedef VTPU_ENUM(vtpu_dtype) {
  VTPU_I1 = 1, VTPU_I8, VTPU_I16, VTPU_I32, VTPU_I64, VTPU_U8, VTPU_U16, VTPU_U32, VTPU_U64, VTPU_F16, VTPU_BF16, VTPU_F32, VTPU_F64
} vtpu_dtype;

typedef struct vtpu_tensor_info {
  const char *name;
  vtpu_dtype dtype;
  uint32_t rank;
  const int64_t *shape;
  uint64_t bytes;
} vtpu_tensor_info;

typedef struct vtpu_options {
  uint32_t struct_size;       /* sizeof(vtpu_options) */
  vtpu_tier tier;
  uint32_t threads;           /* sentrons of a call that is divided; 0: 1 */
  const char *cpu_features;   /* NULL: detect; "baseline" pretends a CPU without AVX-512 */
  const char *parameter_file; /* safetensors file; NULL: <program's name>.safetensors beside it, else the one that the program names, beside it too */
} vtpu_options;

typedef struct vtpu_stats {
  uint32_t struct_size;     /* sizeof(vtpu_stats), set by the caller: no more is written */
  uint64_t words;           /* words of the entry's program, static */
  uint64_t d, s, c;         /* filled slots, static */
  uint64_t executed_words;  /* of the last call, all sentrons; counted by the interpreter, else 0 */
  uint64_t executed_ops;
  double host_seconds;      /* seconds spent in listed host calls in the last call; of the sentron that spent the most */
  double total_seconds;     /* seconds of the last call */
  uint64_t code_bytes;      /* emitted machine code */
  uint64_t context_bytes;   /* arena and all sentrons' stacks of one calling context */
  double barrier_seconds;   /* seconds that sentron 0 waited for others in the last call */
  uint32_t sentrons;        /* that run a call of this entry: 1 if its work is not divided */
} vtpu_stats;

const char *vtpu_version(void);
const char *vtpu_last_error(void);

int vtpu_load_file(const char *path, const vtpu_options *options, vtpu_program **program);
int vtpu_load_memory(const void *data, size_t size, const vtpu_options *options, vtpu_program **program);
/* Gives an external parameter by key (row-major source tensor); before the first call. The bytes must live as long as the program. */
/* The safetensors file from which parameters that nobody sets would be read if the program stood at `path`; path NULL: from which they are read.
   Empty: none is known. Valid until the next call on this thread. */
const char *vtpu_parameter_file(const vtpu_program *program, const char *path);
int vtpu_set_parameter(vtpu_program *program, const char *key, vtpu_dtype dtype, uint32_t rank, const int64_t *shape, const void *data);
void vtpu_release(vtpu_program *program);

uint32_t vtpu_entry_count(const vtpu_program *program);
const char *vtpu_entry_name(const vtpu_program *program, uint32_t entry);
/* Index of an entry, -1 if there is none. */
int32_t vtpu_find_entry(const vtpu_program *program, const char *name);
uint32_t vtpu_input_count(const vtpu_program *program, uint32_t entry);
uint32_t vtpu_output_count(const vtpu_program *program, uint32_t entry);
int vtpu_input_info(const vtpu_program *program, uint32_t entry, uint32_t index, vtpu_tensor_info *info);
int vtpu_output_info(const vtpu_program *program, uint32_t entry, uint32_t index, vtpu_tensor_info *info);
/* Which tier runs this program. */
vtpu_tier vtpu_active_tier(const vtpu_program *program);

/* Calls an entry: inputs[i], outputs[i] point to contiguous row-major buffers of the sizes that the infos tell. A trap is an error; buffers
   survive. */
int vtpu_call(vtpu_program *program, uint32_t entry, const void *const *inputs, void *const *outputs);
int vtpu_get_stats(const vtpu_program *program, uint32_t entry, vtpu_stats *stats);

/* Memory by coordinate (docs/Memory.md). A coordinate is 11 components of 0..2047, dimension 0 first. A space may be used by several threads at
   once; calls in one space run one after the other. */
typedef struct vtpu_space vtpu_space;

typedef VTPU_ENUM(vtpu_layout) { VTPU_LAYOUT_ROW_MAJOR = 0, VTPU_LAYOUT_BLOCKED, VTPU_LAYOUT_MORTON, VTPU_LAYOUT_HILBERT } vtpu_layout;

/* A box of coordinates with an element each. */
typedef struct vtpu_region {
  uint32_t struct_size;  /* sizeof(vtpu_region) */
  const char *name;      /* in messages */
  uint16_t first[11];    /* corners, both in the box */
  uint16_t last[11];
  vtpu_dtype dtype;
  vtpu_layout layout;
  uint16_t block[11];    /* VTPU_LAYOUT_BLOCKED: extents of a block, 0 for the whole extent; else 0 */
  int32_t read_only;     /* to programs and vtpu_space_store */
  void *data;            /* the caller's, until the region or the space is released; NULL: zeros that the space owns */
  uint64_t bytes;        /* of data */
} vtpu_region;

/* `a.b.c/d.e.f/g.h.i.j.k` as components. */
int vtpu_coordinate_parse(const char *text, uint16_t *coordinate);

int vtpu_space_create(vtpu_space **space);
void vtpu_space_release(vtpu_space *space);
int vtpu_space_add_region(vtpu_space *space, const vtpu_region *region);
/* `count` elements from a coordinate on along dimension 10. Where nothing is they read as 0; storing makes a cell. A region takes its own type. */
int vtpu_space_load(vtpu_space *space, const uint16_t *coordinate, vtpu_dtype dtype, uint32_t count, void *out);
int vtpu_space_store(vtpu_space *space, const uint16_t *coordinate, vtpu_dtype dtype, uint32_t count, const void *values);
/* Frees the region that a coordinate lies in, else the cell there. */
int vtpu_space_erase(vtpu_space *space, const uint16_t *coordinate);
/* The region that a coordinate lies in; its strings live as long as it does. 1 if there is one, 0 if not. */
int vtpu_space_region_at(vtpu_space *space, const uint16_t *coordinate, vtpu_region *region);

/* Which cells a query names; elements of regions are not among them. */
typedef VTPU_ENUM(vtpu_query_kind) {
  VTPU_QUERY_ALL = 0,
  VTPU_QUERY_PREFIX,    /* the first `number` dimensions are those of `center` */
  VTPU_QUERY_PATTERN,   /* dimension d is that of `center` for every bit d of `number` */
  VTPU_QUERY_CHILDREN,  /* `center` with one more component that is not 0 */
  VTPU_QUERY_MANHATTAN, /* the sum of the components' distances from `center` is at most `number` */
  VTPU_QUERY_HAMMING    /* at most `number` dimensions differ from `center` */
} vtpu_query_kind;
typedef struct vtpu_query {
  uint32_t struct_size; /* sizeof(vtpu_query) */
  vtpu_query_kind kind;
  uint16_t center[11];
  uint32_t number;
} vtpu_query;
/* The first cell behind a coordinate (NULL: of all) that a query names (NULL: every cell). 1 if there is one, 0 if not. */
int vtpu_space_find(vtpu_space *space, const vtpu_query *query, const uint16_t *after, uint16_t *cell);
/* The same for every cell. */
int vtpu_space_next(vtpu_space *space, const uint16_t *after, uint16_t *cell);
/* The k-th nearest cell (from 1) by Manhattan distance, ties in order. 1 if there is one, 0 if not. */
int vtpu_space_nearest(vtpu_space *space, const uint16_t *coordinate, uint64_t k, uint16_t *cell);

/* vtpu_call in a space, NULL: an empty one of the call's own. The tensors of the call have coordinates in the space (vtpu_binding_coordinate) until
   the next call of an entry of that number in it: until then, or until the space is released, their buffers must live. */
int vtpu_call_in(vtpu_program *program, uint32_t entry, const void *const *inputs, void *const *outputs, vtpu_space *space);
/* The coordinate of an element of an input, output or parameter by name; `index` has a number for each dimension, NULL: the first element. The
   error says why a tensor has none; its code is -2 if there is no tensor of that name. A parameter may be named by its key too. */
int vtpu_binding_coordinate(const vtpu_program *program, uint32_t entry, const char *name, const int64_t *index, uint16_t *coordinate);

/* Type and shape of an input, output or parameter by name, with the codes of vtpu_binding_coordinate. */
int vtpu_binding_info(const vtpu_program *program, uint32_t entry, const char *name, vtpu_tensor_info *info);

#ifdef __cplusplus
}
#endif

#endif /* VTPU_RUNTIME_VTPU_H */
