/*
 * Extended attributes by directory descriptor and name, never through a symlink. Linux 6.13 has calls for it
 * (setxattrat …); before, the name is reached below /proc/self/fd/N.
 */
#include "fs.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#ifndef SYS_setxattrat
#define SYS_setxattrat 463
#define SYS_getxattrat 464
#define SYS_listxattrat 465
#define SYS_removexattrat 466
#endif

/* include/uapi/linux/xattr.h, struct xattr_args; headers before 6.13 lack it. */
struct value_args {
  uint64_t value;
  uint32_t size;
  uint32_t flags;
};

/* The kernel allocates what it is offered: a small buffer first makes the common miss three times as fast. */
#define SMALL 512

struct proc_path {
  char bytes[PATH_MAX + 64];
};

/* Asked once: container engines answer ENOSYS or EPERM for calls that they do not know. */
static bool have_xattrat(void) {
  static int known = -1;
  if (known < 0) {
    long result = syscall(SYS_listxattrat, AT_FDCWD, "/", AT_SYMLINK_NOFOLLOW, NULL, 0);
    known = result >= 0 || (errno != ENOSYS && errno != EPERM);
  }
  return known;
}

static const char *below_proc(struct proc_path *path, int directory, const struct text *name) {
  snprintf(path->bytes, sizeof path->bytes, "/proc/self/fd/%d/%s", directory, name->bytes);
  return path->bytes;
}

static ssize_t get(int directory, const struct text *name, const char *attribute, void *buffer, size_t size) {
  if (have_xattrat()) {
    struct value_args args = {.value = (uintptr_t)buffer, .size = (uint32_t)size};
    return syscall(SYS_getxattrat, directory, name->bytes, AT_SYMLINK_NOFOLLOW, attribute, &args, sizeof args);
  }
  struct proc_path path;
  return lgetxattr(below_proc(&path, directory, name), attribute, buffer, size);
}

static ssize_t list(int directory, const struct text *name, char *buffer, size_t size) {
  if (have_xattrat()) return syscall(SYS_listxattrat, directory, name->bytes, AT_SYMLINK_NOFOLLOW, buffer, size);
  struct proc_path path;
  return llistxattr(below_proc(&path, directory, name), buffer, size);
}

/* getxattr(directory, name, attribute) → value */
static napi_value run_getxattr(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text name, attribute;
  char small[SMALL];
  int directory = take_int(&call, 0);
  take_text(&call, 1, &name);
  take_text(&call, 2, &attribute);
  if (call.error != 0) return give_refusal(&call);
  ssize_t length = get(directory, &name, attribute.bytes, small, sizeof small);
  if (length >= 0) return give_bytes(env, small, (size_t)length);
  if (errno != ERANGE) return give_result(env, -1);
  char *large = malloc(XATTR_SIZE_MAX);
  if (large == NULL) return give_number(env, -ENOMEM);
  length = get(directory, &name, attribute.bytes, large, XATTR_SIZE_MAX);
  napi_value result = length < 0 ? give_result(env, -1) : give_bytes(env, large, (size_t)length);
  free(large);
  return result;
}

/* listxattr(directory, name) → names, each followed by NUL */
static napi_value run_listxattr(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text name;
  char small[SMALL];
  int directory = take_int(&call, 0);
  take_text(&call, 1, &name);
  if (call.error != 0) return give_refusal(&call);
  ssize_t length = list(directory, &name, small, sizeof small);
  if (length >= 0) return give_bytes(env, small, (size_t)length);
  if (errno != ERANGE) return give_result(env, -1);
  char *large = malloc(XATTR_LIST_MAX);
  if (large == NULL) return give_number(env, -ENOMEM);
  length = list(directory, &name, large, XATTR_LIST_MAX);
  napi_value result = length < 0 ? give_result(env, -1) : give_bytes(env, large, (size_t)length);
  free(large);
  return result;
}

/* setxattr(directory, name, attribute, value) */
static napi_value run_setxattr(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text name, attribute;
  int directory = take_int(&call, 0);
  take_text(&call, 1, &name);
  take_text(&call, 2, &attribute);
  size_t length = 0;
  char *value = take_bytes(&call, 3, &length);
  if (value == NULL) return give_refusal(&call);
  long result;
  if (length > XATTR_SIZE_MAX) {
    errno = E2BIG;
    result = -1;
  } else if (have_xattrat()) {
    struct value_args args = {.value = (uintptr_t)value, .size = (uint32_t)length};
    result = syscall(SYS_setxattrat, directory, name.bytes, AT_SYMLINK_NOFOLLOW, attribute.bytes, &args, sizeof args);
  } else {
    struct proc_path path;
    result = lsetxattr(below_proc(&path, directory, &name), attribute.bytes, value, length, 0);
  }
  int error = errno;
  free(value);
  errno = error;
  return give_result(env, result);
}

/* removexattr(directory, name, attribute) */
static napi_value run_removexattr(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text name, attribute;
  int directory = take_int(&call, 0);
  take_text(&call, 1, &name);
  take_text(&call, 2, &attribute);
  if (call.error != 0) return give_refusal(&call);
  long result;
  if (have_xattrat()) {
    result = syscall(SYS_removexattrat, directory, name.bytes, AT_SYMLINK_NOFOLLOW, attribute.bytes);
  } else {
    struct proc_path path;
    result = lremovexattr(below_proc(&path, directory, &name), attribute.bytes);
  }
  return give_result(env, result);
}

void define_xattrs(napi_env env, napi_value exports) {
  static const struct function functions[] = {
      {"getxattr", run_getxattr},
      {"listxattr", run_listxattr},
      {"setxattr", run_setxattr},
      {"removexattr", run_removexattr},
  };
  define_functions(env, exports, functions, sizeof functions / sizeof functions[0]);
}
