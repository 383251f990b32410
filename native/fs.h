/*
 * What the files of the addon share: getting arguments out of Node-API calls and giving results back.
 *
 * No call holds any policy. Most are thin, blocking wrappers of one system call; what many files or many bytes would keep
 * JavaScript waiting for is done in the threads of the pool, and the call returns a promise. A call that cannot fail to be
 * understood returns a number >= 0, or a string; a failed system call returns -errno, and TypeScript (src/sys/addon.ts)
 * makes the error of it. So a miss costs no exception, and no message is ever composed here.
 *
 * Strings are bytes: one byte a character (latin1), both ways.
 */
#ifndef TSBUILD_FS_H
#define TSBUILD_FS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define NAPI_VERSION 8
#include <node_api.h>

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#define MAX_ARGS 6

/* The arguments of one call. `error` is the errno of the first argument that could not be taken, 0 while all is well. */
struct call {
  napi_env env;
  size_t count;
  napi_value args[MAX_ARGS];
  int error;
};

/* The bytes of a name or path; the kernel takes at most PATH_MAX with the terminator. */
struct text {
  char bytes[PATH_MAX];
};

/* What one environment (the main thread or a worker) keeps: the numbers of the last stat call, shared with JavaScript. */
struct instance {
  double *stat;
};

/* How many numbers a file's stat is for JavaScript; src/sys/stat.ts names them. */
#define STAT_NUMBERS 14

struct stat;
void put_stat(double *out, const struct stat *st);

struct call begin_call(napi_env env, napi_callback_info info);
int take_int(struct call *call, size_t index);
int64_t take_int64(struct call *call, size_t index);
uint32_t take_uint32(struct call *call, size_t index);
void take_text(struct call *call, size_t index, struct text *text);
/* True for null or undefined. */
bool is_absent(struct call *call, size_t index);
/* Bytes of any length, NUL included, on the heap; the caller frees them. NULL and call->error on failure. */
char *take_bytes(struct call *call, size_t index, size_t *length);

/* A list of strings, each ended by NUL, as an array for exec; one allocation beside the bytes. NULL: no memory. */
char **split_words(char *bytes, size_t length);

/* The memory of a typed array of the type, kept until the reference goes. */
void *take_array(struct call *call, size_t index, napi_typedarray_type wanted, size_t *length, napi_ref *ref);

napi_value give_number(napi_env env, double number);
napi_value give_bytes(napi_env env, const char *bytes, size_t length);
/* The result of a system call: itself, or -errno where it is -1. */
napi_value give_result(napi_env env, long result);
/* -call->error. */
napi_value give_refusal(const struct call *call);

int open_confined(int directory, const char *path, int flags, mode_t mode, uint64_t resolve);
/*
 * As many bytes as there are, up to one more than `size`; -1 on failure. What is asked for is more than there should be,
 * so that a read that gives `size` has met the end, and needs no other to tell.
 */
ssize_t read_all(int fd, char *bytes, size_t size);
typedef unsigned char *(*sha256_function)(const unsigned char *bytes, size_t length, unsigned char *digest);

struct function {
  const char *name;
  napi_callback run;
};

void define_functions(napi_env env, napi_value exports, const struct function *functions, size_t count);

/* Each file's part of the exports. */
void define_files(napi_env env, napi_value exports);
void define_copies(napi_env env, napi_value exports);
void define_folders(napi_env env, napi_value exports);
void define_digests(napi_env env, napi_value exports);
void define_descriptors(napi_env env, napi_value exports);
void define_xattrs(napi_env env, napi_value exports);
void define_mounts(napi_env env, napi_value exports);
void define_network(napi_env env, napi_value exports);
void define_process(napi_env env, napi_value exports);
void define_probe(napi_env env, napi_value exports);
void define_spawn(napi_env env, napi_value exports);
void define_hashes(napi_env env, napi_value exports);
void define_packing(napi_env env, napi_value exports);

#endif
