/*
 * The mount calls of Linux 5.2: a file system is configured and mounted by descriptor, and the mount lives as long
 * as its descriptor without ever being attached to a mount table.
 */
#include "fs.h"

#include <stdlib.h>
#include <sys/syscall.h>

/* fsopen(type) → configuration descriptor */
static napi_value run_fsopen(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text type;
  take_text(&call, 0, &type);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, syscall(SYS_fsopen, type.bytes, 1 /* FSOPEN_CLOEXEC */));
}

/* fsconfig(descriptor, command, key or null, value or null, auxiliary number) */
static napi_value run_fsconfig(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text key, value;
  int fd = take_int(&call, 0);
  unsigned command = take_uint32(&call, 1);
  bool no_key = is_absent(&call, 2), no_value = is_absent(&call, 3);
  if (!no_key) take_text(&call, 2, &key);
  if (!no_value) take_text(&call, 3, &value);
  int auxiliary = take_int(&call, 4);
  if (call.error != 0) return give_refusal(&call);
  long result = syscall(SYS_fsconfig, fd, command, no_key ? NULL : key.bytes, no_value ? NULL : value.bytes, auxiliary);
  return give_result(env, result);
}

/* fsmount(configuration descriptor, mount attributes) → mount descriptor */
static napi_value run_fsmount(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  int fd = take_int(&call, 0);
  unsigned attributes = take_uint32(&call, 1);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, syscall(SYS_fsmount, fd, 1 /* FSMOUNT_CLOEXEC */, attributes));
}

void define_mounts(napi_env env, napi_value exports) {
  static const struct function functions[] = {
      {"fsopen", run_fsopen},
      {"fsconfig", run_fsconfig},
      {"fsmount", run_fsmount},
  };
  define_functions(env, exports, functions, sizeof functions / sizeof functions[0]);
}
