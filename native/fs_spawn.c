/*
 * Programs started beside this one. Node's own way forks: with the memory of a build that takes milliseconds, and every
 * page written afterwards costs a fault. posix_spawn shares the memory until the program is executed.
 */
#include "fs.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define CHILD_DESCRIPTORS 4

/* socketpair() → 0; a connected pair of close-on-exec stream sockets, in the first two of `statNumbers` */
static napi_value run_socketpair(napi_env env, napi_callback_info info) {
  (void)info;
  int pair[2];
  void *data = NULL;
  long result = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
  if (result == 0 && napi_get_instance_data(env, &data) == napi_ok) {
    double *numbers = ((struct instance *)data)->stat;
    numbers[0] = pair[0], numbers[1] = pair[1];
  }
  return give_result(env, result);
}

static int prepare_descriptors(posix_spawn_file_actions_t *actions, const int *descriptors) {
  int error = posix_spawn_file_actions_addchdir_np(actions, "/");
  for (int i = 0; i < CHILD_DESCRIPTORS && error == 0; i++) {
    error = descriptors[i] < 0 ? posix_spawn_file_actions_addopen(actions, i, "/dev/null", O_RDWR, 0)
                               : posix_spawn_file_actions_adddup2(actions, descriptors[i], i);
  }
  return error;
}

static int prepare_signals(posix_spawnattr_t *attributes) {
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(attributes, &all);
  posix_spawnattr_setsigmask(attributes, &none);
  return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

/*
 * spawn(path, arguments, each ended by NUL, descriptor 0, 1, 2, 3; -1 is /dev/null) → process id. It has these
 * descriptors, `/` as its folder, no environment, and no signal blocked or ignored. Whoever calls waits for it: see
 * waitpid.
 */
static napi_value run_spawn(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text path;
  take_text(&call, 0, &path);
  int descriptors[CHILD_DESCRIPTORS];
  for (int i = 0; i < CHILD_DESCRIPTORS; i++) descriptors[i] = take_int(&call, (size_t)i + 2);
  size_t length = 0;
  char *bytes = take_bytes(&call, 1, &length);
  char **words = bytes == NULL ? NULL : split_words(bytes, length);
  if (call.error == 0 && words == NULL) call.error = ENOMEM;
  if (call.error != 0) {
    free(bytes);
    return give_refusal(&call);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  pid_t pid = 0;
  int error = prepare_descriptors(&actions, descriptors);
  if (error == 0) error = prepare_signals(&attributes);
  if (error == 0) {
    char *environment[] = {NULL};
    error = posix_spawn(&pid, path.bytes, &actions, &attributes, words, environment);
  }
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  free(words);
  free(bytes);
  return give_number(env, error == 0 ? pid : -error);
}

/* waitpid(process id) → its wait status, once; -EAGAIN while it runs */
static napi_value run_waitpid(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  int pid = take_int(&call, 0), status = 0;
  if (call.error != 0) return give_refusal(&call);
  pid_t ended = waitpid(pid, &status, WNOHANG);
  if (ended == 0) return give_number(env, -EAGAIN);
  return ended < 0 ? give_result(env, -1) : give_number(env, status);
}

void define_spawn(napi_env env, napi_value exports) {
  static const struct function functions[] = {
      {"socketpair", run_socketpair},
      {"spawn", run_spawn},
      {"waitpid", run_waitpid},
  };
  define_functions(env, exports, functions, sizeof functions / sizeof functions[0]);
}
