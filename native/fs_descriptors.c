/* Open files and processes by descriptor. */
#include "fs.h"

#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

/* flock(descriptor, operation) */
static napi_value run_flock(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  int fd = take_int(&call, 0), operation = take_int(&call, 1);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, flock(fd, operation));
}

/* syncfs(descriptor) */
static napi_value run_syncfs(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  int fd = take_int(&call, 0);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, syncfs(fd));
}

/* ficlone(to, from): the whole content shares its blocks (FICLONE) */
static napi_value run_ficlone(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  int to = take_int(&call, 0), from = take_int(&call, 1);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, ioctl(to, FICLONE, from));
}

/* copyFileRange(from, to, length) → bytes copied, at both descriptors' offsets; 0 at the end */
static napi_value run_copy_file_range(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  int from = take_int(&call, 0), to = take_int(&call, 1);
  int64_t length = take_int64(&call, 2);
  if (length < 0) call.error = EINVAL;
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, copy_file_range(from, NULL, to, NULL, (size_t)length, 0));
}

/* pidfdOpen(pid) → descriptor */
static napi_value run_pidfd_open(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  int pid = take_int(&call, 0);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, syscall(SYS_pidfd_open, pid, 0));
}

/* pidfdSendSignal(descriptor, signal) */
static napi_value run_pidfd_send_signal(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  int fd = take_int(&call, 0), number = take_int(&call, 1);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, syscall(SYS_pidfd_send_signal, fd, number, NULL, 0));
}

void define_descriptors(napi_env env, napi_value exports) {
  static const struct function functions[] = {
      {"flock", run_flock},
      {"syncfs", run_syncfs},
      {"ficlone", run_ficlone},
      {"copyFileRange", run_copy_file_range},
      {"pidfdOpen", run_pidfd_open},
      {"pidfdSendSignal", run_pidfd_send_signal},
  };
  define_functions(env, exports, functions, sizeof functions / sizeof functions[0]);
}
