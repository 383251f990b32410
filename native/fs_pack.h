/* Compressors of pieces, which run in the threads of the pool and keep no bytes between two calls. */
#ifndef TSBUILD_FS_PACK_H
#define TSBUILD_FS_PACK_H

#include "fs.h"

struct piece {
  uint8_t *out;
  size_t room;
  const uint8_t *bytes;
  /* The first `known` of `length` bytes only serve to refer back to. */
  size_t known, length;
  unsigned level;
};

/* Bytes written to `out`, or -errno. */
typedef double (*pack_function)(const struct piece *piece);

double deflate_piece(const struct piece *piece);
double zstd_frame(const struct piece *piece);
/* Whether this Node lends its zstd to addons. */
bool find_zstd(void);

#endif
