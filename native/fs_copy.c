/* Copies of many small files at once, on a thread of libuv's pool: system calls of one batch run beside JavaScript. */
#include "fs.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* What JavaScript says of each file, and what it is told: COPY_NUMBERS doubles in a row (src/sys/copy-batch.ts). */
enum { SIZE, UID, GID, MODE, SECONDS, NANOS, COPY_NUMBERS };
/* In place of the size, when the copy failed: -errno for the source, and with this added to it for the target. */
#define OF_TARGET (-100000)
/* A rename anywhere on the machine may make a confined lookup fail with EAGAIN: nothing is wrong, ask again. */
#define OPENAT2_TRIES 128

#define DIGEST_BYTES 32

/* OpenSSL's, which the node executable exports for addons; NULL where one does not: JavaScript hashes then. */
static sha256_function sha256;

struct batch {
  napi_async_work work;
  napi_deferred deferred;
  /* Keep what the thread reads and writes. */
  napi_ref numbers_ref, bytes_ref, digests_ref;
  int from, to;
  char *paths;
  size_t paths_length;
  double *numbers;
  size_t count;
  char *bytes;
  size_t room;
  unsigned char *digests;
};

int open_confined(int directory, const char *path, int flags, mode_t mode, uint64_t resolve) {
  struct open_how how = {
      .flags = (uint64_t)(flags | O_NOFOLLOW | O_CLOEXEC),
      .mode = mode,
      .resolve = resolve,
  };
  long result = -1;
  for (int i = 0; i < OPENAT2_TRIES; i++) {
    result = syscall(SYS_openat2, directory, path, &how, sizeof how);
    if (result >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return (int)result;
}

ssize_t read_all(int fd, char *bytes, size_t size) {
  size_t done = 0;
  do {
    ssize_t got = read(fd, bytes + done, size + 1 - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    done += (size_t)got;
  } while (done < size);
  return (ssize_t)done;
}

static int write_all(int fd, const char *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t got = write(fd, bytes + done, length - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    done += (size_t)got;
  }
  return 0;
}

/* What creating gave already is left as it is. A change of owner takes set-id bits away, so the mode comes after it. */
static int set_attributes(int fd, const double *file) {
  struct stat st;
  uid_t uid = (uid_t)file[UID];
  gid_t gid = (gid_t)file[GID];
  mode_t mode = (mode_t)file[MODE];
  if (fstat(fd, &st) != 0) return -1;
  bool is_owned = st.st_uid == uid && st.st_gid == gid;
  if (!is_owned && fchown(fd, uid, gid) != 0) return -1;
  if ((!is_owned || (st.st_mode & 07777) != mode) && fchmod(fd, mode) != 0) return -1;
  struct timespec times[2] = {
      {.tv_nsec = UTIME_OMIT},
      {.tv_sec = (time_t)file[SECONDS], .tv_nsec = (long)file[NANOS]},
  };
  return futimens(fd, times);
}

/* One byte more than it is to have is asked for, so that growth shows; nothing is made of a file of another size. */
static long read_source(int directory, const char *path, size_t size, char *bytes) {
  uint64_t resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  int fd = open_confined(directory, path, O_RDONLY | O_NONBLOCK | O_NOATIME, 0, resolve);
  /* Another user's: its time of reading is not ours to leave. */
  if (fd < 0 && errno == EPERM) fd = open_confined(directory, path, O_RDONLY | O_NONBLOCK, 0, resolve);
  if (fd < 0) return -errno;
  ssize_t length = read_all(fd, bytes, size);
  long failure = length < 0 ? -errno : (size_t)length == size ? 0 : -ESTALE;
  close(fd);
  return failure;
}

static long write_target(int directory, const char *path, const double *file, const char *bytes, size_t size) {
  mode_t mode = (mode_t)file[MODE];
  int flags = O_WRONLY | O_CREAT | O_EXCL;
  int fd = open_confined(directory, path, flags, mode & 0777, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  if (fd < 0) return -errno + OF_TARGET;
  long failure = 0;
  if (write_all(fd, bytes, size) != 0 || set_attributes(fd, file) != 0) failure = -errno + OF_TARGET;
  /* Some file systems tell of a full disk only now. */
  if (close(fd) != 0 && failure == 0) failure = -errno + OF_TARGET;
  return failure;
}

/* The first failure ends it. */
static void run_batch(napi_env env, void *data) {
  (void)env;
  struct batch *batch = data;
  const char *path = batch->paths;
  const char *end = batch->paths + batch->paths_length;
  size_t used = 0;
  for (size_t i = 0; i < batch->count; i++) {
    double *file = batch->numbers + i * COPY_NUMBERS;
    size_t size = (size_t)file[SIZE];
    const char *source = path;
    const char *target = source + strnlen(source, (size_t)(end - source)) + 1;
    if (target >= end || size >= batch->room - used) {
      file[SIZE] = -EINVAL;
      return;
    }
    path = target + strnlen(target, (size_t)(end - target)) + 1;
    char *bytes = batch->bytes + used;
    long failure = read_source(batch->from, source, size, bytes);
    if (failure == 0) failure = write_target(batch->to, target, file, bytes, size);
    if (failure != 0) {
      file[SIZE] = (double)failure;
      return;
    }
    if (sha256 != NULL) sha256((unsigned char *)bytes, size, batch->digests + i * DIGEST_BYTES);
    used += size;
  }
}

static void free_batch(napi_env env, struct batch *batch) {
  if (batch->numbers_ref != NULL) napi_delete_reference(env, batch->numbers_ref);
  if (batch->bytes_ref != NULL) napi_delete_reference(env, batch->bytes_ref);
  if (batch->digests_ref != NULL) napi_delete_reference(env, batch->digests_ref);
  free(batch->paths);
  free(batch);
}

static void end_batch(napi_env env, napi_status status, void *data) {
  struct batch *batch = data;
  (void)status;
  napi_resolve_deferred(env, batch->deferred, give_number(env, sha256 == NULL ? 0 : 1));
  napi_delete_async_work(env, batch->work);
  free_batch(env, batch);
}

void *take_array(struct call *call, size_t index, napi_typedarray_type wanted, size_t *length, napi_ref *ref) {
  napi_typedarray_type type;
  void *memory = NULL;
  if (call->error == 0 &&
      (index >= call->count ||
       napi_get_typedarray_info(call->env, call->args[index], &type, length, &memory, NULL, NULL) != napi_ok ||
       type != wanted || napi_create_reference(call->env, call->args[index], 1, ref) != napi_ok))
    call->error = EINVAL;
  return memory;
}

/*
 * copySmallFiles(from directory, to directory, paths, numbers, bytes, digests) → promise of 1; of 0 without digests
 *
 * `paths`: source and target of each file, each ended by NUL; `numbers`: a row for each file; `bytes`: room for all
 * contents, one after the other, and a byte more. Neither file may be a link; links above the source resolve in its root.
 * `digests`: 32 bytes for the sha256 of each file.
 */
static napi_value run_copy_small_files(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct batch *batch = calloc(1, sizeof *batch);
  if (batch == NULL) return give_number(env, -ENOMEM);
  size_t numbers = 0;
  batch->from = take_int(&call, 0);
  batch->to = take_int(&call, 1);
  batch->paths = take_bytes(&call, 2, &batch->paths_length);
  batch->numbers = take_array(&call, 3, napi_float64_array, &numbers, &batch->numbers_ref);
  batch->count = numbers / COPY_NUMBERS;
  batch->bytes = take_array(&call, 4, napi_uint8_array, &batch->room, &batch->bytes_ref);
  size_t digests = 0;
  batch->digests = take_array(&call, 5, napi_uint8_array, &digests, &batch->digests_ref);
  if (call.error == 0 && digests < batch->count * DIGEST_BYTES) call.error = EINVAL;
  napi_value promise = NULL, name = NULL;
  if (call.error == 0) {
    napi_create_string_utf8(env, "copySmallFiles", NAPI_AUTO_LENGTH, &name);
    if (napi_create_promise(env, &batch->deferred, &promise) != napi_ok ||
        napi_create_async_work(env, NULL, name, run_batch, end_batch, batch, &batch->work) != napi_ok ||
        napi_queue_async_work(env, batch->work) != napi_ok)
      call.error = ENOMEM;
  }
  if (call.error == 0) return promise;
  free_batch(env, batch);
  return give_refusal(&call);
}

void define_copies(napi_env env, napi_value exports) {
  static const struct function functions[] = {{"copySmallFiles", run_copy_small_files}};
  sha256 = (sha256_function)dlsym(RTLD_DEFAULT, "SHA256");
  define_functions(env, exports, functions, sizeof functions / sizeof functions[0]);
}
