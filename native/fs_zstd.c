/*
 * zstd frames (RFC 8878) by the compressor that the node executable has in it and exports for addons. A context takes
 * longer to set up than a small frame to pack, so that those that nobody uses are kept; frames know nothing of what
 * the context packed before.
 */
#include "fs_pack.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

/* As zstd.h numbers them. */
#define LEVEL 100
#define CHECKSUM 201
#define SESSION_AND_PARAMETERS 3
/* As many as the pool has threads, unless a user wants more. */
#define MOST_SPARE 4

struct context;

static struct {
  struct context *(*create)(void);
  size_t (*destroy)(struct context *context);
  size_t (*reset)(struct context *context, int what);
  size_t (*set)(struct context *context, int parameter, int value);
  size_t (*pack)(struct context *context, void *out, size_t room, const void *bytes, size_t length);
  unsigned (*is_error)(size_t result);
} zstd;

static struct {
  pthread_mutex_t lock;
  struct context *contexts[MOST_SPARE];
  size_t count;
} spare = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool find_zstd(void) {
  static const char *const names[] = {"ZSTD_createCCtx",       "ZSTD_freeCCtx",  "ZSTD_CCtx_reset",
                                      "ZSTD_CCtx_setParameter", "ZSTD_compress2", "ZSTD_isError"};
  void **const functions[] = {(void **)&zstd.create, (void **)&zstd.destroy, (void **)&zstd.reset,
                              (void **)&zstd.set,    (void **)&zstd.pack,    (void **)&zstd.is_error};
  bool found = true;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (*functions[i] == NULL) *functions[i] = dlsym(RTLD_DEFAULT, names[i]);
    found = found && *functions[i] != NULL;
  }
  return found;
}

static struct context *take_context(void) {
  pthread_mutex_lock(&spare.lock);
  struct context *context = spare.count > 0 ? spare.contexts[--spare.count] : NULL;
  pthread_mutex_unlock(&spare.lock);
  return context != NULL ? context : zstd.create();
}

static void give_context_back(struct context *context) {
  pthread_mutex_lock(&spare.lock);
  bool is_kept = spare.count < MOST_SPARE;
  if (is_kept) spare.contexts[spare.count++] = context;
  pthread_mutex_unlock(&spare.lock);
  if (!is_kept) zstd.destroy(context);
}

double zstd_frame(const struct piece *piece) {
  if (piece->known > piece->length) return -EINVAL;
  struct context *context = take_context();
  if (context == NULL) return -ENOMEM;
  zstd.reset(context, SESSION_AND_PARAMETERS);
  zstd.set(context, LEVEL, (int)piece->level);
  zstd.set(context, CHECKSUM, 1);
  size_t written = zstd.pack(context, piece->out, piece->room, piece->bytes + piece->known, piece->length - piece->known);
  bool failed = zstd.is_error(written);
  /* What a failed one is in is not known. */
  if (failed) zstd.destroy(context);
  else give_context_back(context);
  return failed ? -EIO : (double)written;
}
