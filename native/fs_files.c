/* Files and directories by descriptor and name. */
#include "fs.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

/* With RESOLVE_IN_ROOT a rename anywhere on the machine makes `..` fail with EAGAIN: nothing is wrong, ask again. */
#define OPENAT2_TRIES 128

/* openat2(directory, path, flags, mode, resolve) → descriptor */
static napi_value run_openat2(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text path;
  int directory = take_int(&call, 0);
  take_text(&call, 1, &path);
  struct open_how how = {
      .flags = (uint64_t)take_int64(&call, 2) | O_CLOEXEC,
      .mode = (uint64_t)take_int64(&call, 3),
      .resolve = (uint64_t)take_int64(&call, 4),
  };
  if (call.error != 0) return give_refusal(&call);
  long result = -1;
  for (int i = 0; i < OPENAT2_TRIES; i++) {
    result = syscall(SYS_openat2, directory, path.bytes, &how, sizeof how);
    if (result >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return give_result(env, result);
}

/* close(descriptor) */
static napi_value run_close(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  int fd = take_int(&call, 0);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, close(fd));
}

void put_stat(double *out, const struct stat *st) {
  out[0] = st->st_mode;
  out[1] = st->st_uid;
  out[2] = st->st_gid;
  out[3] = (double)st->st_size;
  out[4] = (double)st->st_mtim.tv_sec;
  out[5] = (double)st->st_mtim.tv_nsec;
  out[6] = major(st->st_rdev);
  out[7] = minor(st->st_rdev);
  out[8] = (double)st->st_dev;
  /* A double holds 53 bits, an inode number has 64. */
  out[9] = (double)(uint32_t)((uint64_t)st->st_ino >> 32);
  out[10] = (double)(uint32_t)st->st_ino;
  out[11] = (double)st->st_nlink;
  out[12] = (double)st->st_ctim.tv_sec;
  out[13] = (double)st->st_ctim.tv_nsec;
}

/* fstatat(directory, path, flags) → 0, with the numbers in statNumbers */
static napi_value run_fstatat(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text path;
  struct stat st;
  struct instance *instance = NULL;
  int directory = take_int(&call, 0);
  take_text(&call, 1, &path);
  int flags = take_int(&call, 2);
  if (call.error != 0) return give_refusal(&call);
  if (fstatat(directory, path.bytes, &st, flags) != 0) return give_result(env, -1);
  napi_get_instance_data(env, (void **)&instance);
  put_stat(instance->stat, &st);
  return give_number(env, 0);
}

/* readlinkat(directory, path) → text */
static napi_value run_readlinkat(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text path;
  char target[PATH_MAX];
  int directory = take_int(&call, 0);
  take_text(&call, 1, &path);
  if (call.error != 0) return give_refusal(&call);
  ssize_t length = readlinkat(directory, path.bytes, target, sizeof target);
  return length < 0 ? give_result(env, -1) : give_bytes(env, target, (size_t)length);
}

/* mkdirat(directory, path, mode) */
static napi_value run_mkdirat(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text path;
  int directory = take_int(&call, 0);
  take_text(&call, 1, &path);
  mode_t mode = take_uint32(&call, 2);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, mkdirat(directory, path.bytes, mode));
}

/* mknodat(directory, path, mode with type, major, minor) */
static napi_value run_mknodat(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text path;
  int directory = take_int(&call, 0);
  take_text(&call, 1, &path);
  mode_t mode = take_uint32(&call, 2);
  unsigned high = take_uint32(&call, 3), low = take_uint32(&call, 4);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, mknodat(directory, path.bytes, mode, makedev(high, low)));
}

/* symlinkat(target, directory, path) */
static napi_value run_symlinkat(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text target, path;
  take_text(&call, 0, &target);
  int directory = take_int(&call, 1);
  take_text(&call, 2, &path);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, symlinkat(target.bytes, directory, path.bytes));
}

/* linkat(from directory, from path, to directory, to path, flags) */
static napi_value run_linkat(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text from, to;
  int from_directory = take_int(&call, 0);
  take_text(&call, 1, &from);
  int to_directory = take_int(&call, 2);
  take_text(&call, 3, &to);
  int flags = take_int(&call, 4);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, linkat(from_directory, from.bytes, to_directory, to.bytes, flags));
}

/* renameat2(from directory, from path, to directory, to path, flags) */
static napi_value run_renameat2(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text from, to;
  int from_directory = take_int(&call, 0);
  take_text(&call, 1, &from);
  int to_directory = take_int(&call, 2);
  take_text(&call, 3, &to);
  unsigned flags = take_uint32(&call, 4);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, syscall(SYS_renameat2, from_directory, from.bytes, to_directory, to.bytes, flags));
}

/* unlinkat(directory, path, flags) */
static napi_value run_unlinkat(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text path;
  int directory = take_int(&call, 0);
  take_text(&call, 1, &path);
  int flags = take_int(&call, 2);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, unlinkat(directory, path.bytes, flags));
}

/*
 * fchmodat(directory, path, mode): never follows; a symlink gives EOPNOTSUPP. fchmodat2 came with Linux 6.6 (and some
 * container engines answer EPERM for calls they do not know); before, the way is an O_PATH descriptor and its name in /proc.
 */
static napi_value run_fchmodat(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text path;
  int directory = take_int(&call, 0);
  take_text(&call, 1, &path);
  mode_t mode = take_uint32(&call, 2);
  if (call.error != 0) return give_refusal(&call);
  long result = syscall(SYS_fchmodat2, directory, path.bytes, mode, AT_SYMLINK_NOFOLLOW);
  if (result == 0 || (errno != ENOSYS && errno != EPERM)) return give_result(env, result);
  int fd = openat(directory, path.bytes, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return give_result(env, -1);
  struct stat st;
  result = fstat(fd, &st);
  if (result == 0 && S_ISLNK(st.st_mode)) {
    errno = EOPNOTSUPP;
    result = -1;
  } else if (result == 0) {
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    result = chmod(name, mode);
  }
  int error = errno;
  close(fd);
  errno = error;
  return give_result(env, result);
}

/* fchownat(directory, path, uid, gid, flags) */
static napi_value run_fchownat(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text path;
  int directory = take_int(&call, 0);
  take_text(&call, 1, &path);
  uid_t uid = take_uint32(&call, 2);
  gid_t gid = take_uint32(&call, 3);
  int flags = take_int(&call, 4);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, fchownat(directory, path.bytes, uid, gid, flags));
}

/* utimensat(directory, path, seconds, nanoseconds, flags): the modification time; the access time stays */
static napi_value run_utimensat(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text path;
  int directory = take_int(&call, 0);
  take_text(&call, 1, &path);
  struct timespec times[2] = {
      {.tv_nsec = UTIME_OMIT},
      {.tv_sec = take_int64(&call, 2), .tv_nsec = take_int(&call, 3)},
  };
  int flags = take_int(&call, 4);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, utimensat(directory, path.bytes, times, flags));
}

void define_files(napi_env env, napi_value exports) {
  static const struct function functions[] = {
      {"openat2", run_openat2},
      {"close", run_close},
      {"fstatat", run_fstatat},
      {"readlinkat", run_readlinkat},
      {"mkdirat", run_mkdirat},
      {"mknodat", run_mknodat},
      {"symlinkat", run_symlinkat},
      {"linkat", run_linkat},
      {"renameat2", run_renameat2},
      {"unlinkat", run_unlinkat},
      {"fchmodat", run_fchmodat},
      {"fchownat", run_fchownat},
      {"utimensat", run_utimensat},
  };
  define_functions(env, exports, functions, sizeof functions / sizeof functions[0]);
}
