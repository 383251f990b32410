/* Digests of many small files at once, on a thread of libuv's pool. */
#include "fs.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define DIGEST_BYTES 32
/* A digest, and whether there is one. */
#define RESULT_BYTES (DIGEST_BYTES + 1)
#define MOST_BYTES (64 * 1024)
/* Of a file's numbers: see put_stat. */
#define SIZE 3

static sha256_function sha256;

struct hashing {
  napi_async_work work;
  napi_deferred deferred;
  /* Keep what the thread reads and writes. */
  napi_ref numbers_ref, results_ref;
  int directory;
  char *names;
  size_t names_length;
  const double *numbers;
  size_t count;
  unsigned char *results;
};

static bool is_as_listed(int fd, const double *listed) {
  struct stat st;
  double now[STAT_NUMBERS];
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return false;
  put_stat(now, &st);
  return memcmp(now, listed, sizeof now) == 0;
}

static bool has_no_xattrs(int fd) {
  ssize_t length = flistxattr(fd, NULL, 0);
  return length == 0 || (length < 0 && errno == EOPNOTSUPP);
}

static bool hash_file(const struct hashing *hashing, const char *name, const double *listed, unsigned char *bytes,
                      unsigned char *digest) {
  if (!(listed[SIZE] >= 0 && listed[SIZE] <= MOST_BYTES)) return false;
  int flags = O_RDONLY | O_NONBLOCK;
  uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  int fd = open_confined(hashing->directory, name, flags | O_NOATIME, 0, resolve);
  /* Another user's: its time of reading is not ours to leave. */
  if (fd < 0 && errno == EPERM) fd = open_confined(hashing->directory, name, flags, 0, resolve);
  if (fd < 0) return false;
  bool good = is_as_listed(fd, listed) && has_no_xattrs(fd);
  size_t size = (size_t)listed[SIZE];
  good = good && read_all(fd, (char *)bytes, size) == (ssize_t)size && is_as_listed(fd, listed);
  close(fd);
  return good && sha256(bytes, size, digest) != NULL;
}

static void run_hashing(napi_env env, void *data) {
  (void)env;
  struct hashing *hashing = data;
  unsigned char *bytes = malloc(MOST_BYTES + 1);
  const char *name = hashing->names;
  const char *end = hashing->names + hashing->names_length;
  for (size_t i = 0; i < hashing->count && bytes != NULL && name < end; i++) {
    unsigned char *result = hashing->results + i * RESULT_BYTES;
    result[DIGEST_BYTES] = hash_file(hashing, name, hashing->numbers + i * STAT_NUMBERS, bytes, result);
    name += strnlen(name, (size_t)(end - name)) + 1;
  }
  free(bytes);
}

static void free_hashing(napi_env env, struct hashing *hashing) {
  if (hashing->numbers_ref != NULL) napi_delete_reference(env, hashing->numbers_ref);
  if (hashing->results_ref != NULL) napi_delete_reference(env, hashing->results_ref);
  free(hashing->names);
  free(hashing);
}

static void end_hashing(napi_env env, napi_status status, void *data) {
  struct hashing *hashing = data;
  (void)status;
  napi_resolve_deferred(env, hashing->deferred, give_number(env, 0));
  napi_delete_async_work(env, hashing->work);
  free_hashing(env, hashing);
}

/*
 * hashSmallFiles(directory, names, numbers, results) → promise; -ENOSYS where this Node gives no sha256 to addons
 *
 * `names`: in the directory, each ended by NUL; `numbers`: what each was listed with (readEntries); `results`: 33 bytes
 * each, the sha256 and a 1. Without the 1 for a file that is not what was listed, that is large, cannot be read, or has
 * extended attributes.
 */
static napi_value run_hash_small_files(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  if (sha256 == NULL) return give_number(env, -ENOSYS);
  struct hashing *hashing = calloc(1, sizeof *hashing);
  if (hashing == NULL) return give_number(env, -ENOMEM);
  size_t numbers = 0, results = 0;
  hashing->directory = take_int(&call, 0);
  hashing->names = take_bytes(&call, 1, &hashing->names_length);
  hashing->numbers = take_array(&call, 2, napi_float64_array, &numbers, &hashing->numbers_ref);
  hashing->results = take_array(&call, 3, napi_uint8_array, &results, &hashing->results_ref);
  hashing->count = numbers / STAT_NUMBERS;
  if (call.error == 0 && results < hashing->count * RESULT_BYTES) call.error = EINVAL;
  napi_value promise = NULL, name = NULL;
  if (call.error == 0) {
    napi_create_string_utf8(env, "hashSmallFiles", NAPI_AUTO_LENGTH, &name);
    if (napi_create_promise(env, &hashing->deferred, &promise) != napi_ok ||
        napi_create_async_work(env, NULL, name, run_hashing, end_hashing, hashing, &hashing->work) != napi_ok ||
        napi_queue_async_work(env, hashing->work) != napi_ok)
      call.error = ENOMEM;
  }
  if (call.error == 0) return promise;
  free_hashing(env, hashing);
  return give_refusal(&call);
}

void define_digests(napi_env env, napi_value exports) {
  static const struct function functions[] = {{"hashSmallFiles", run_hash_small_files}};
  sha256 = (sha256_function)dlsym(RTLD_DEFAULT, "SHA256");
  define_functions(env, exports, functions, sizeof functions / sizeof functions[0]);
}
