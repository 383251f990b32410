/* This process itself. */
#include "fs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>

extern char **environ;

char **split_words(char *bytes, size_t length) {
  size_t count = 0;
  for (size_t i = 0; i < length; i++) count += bytes[i] == 0;
  char **words = malloc((count + 1) * sizeof *words);
  if (words == NULL) return NULL;
  for (size_t i = 0; i < count; i++, bytes += strlen(bytes) + 1) words[i] = bytes;
  words[count] = NULL;
  return words;
}

/* execve(path, arguments, each ended by NUL), with this process's environment: returns only when it fails */
static napi_value run_execve(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text path;
  size_t length = 0;
  take_text(&call, 0, &path);
  char *bytes = take_bytes(&call, 1, &length);
  char **words = bytes == NULL ? NULL : split_words(bytes, length);
  if (call.error == 0 && words == NULL) call.error = ENOMEM;
  napi_value result = NULL;
  if (call.error == 0) {
    execve(path.bytes, words, environ);
    result = give_result(env, -1);
  } else {
    result = give_refusal(&call);
  }
  free(words);
  free(bytes);
  return result;
}

/* keepOpen(descriptor): whatever is executed next has it, too */
static napi_value run_keep_open(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  int fd = take_int(&call, 0);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, fcntl(fd, F_SETFD, 0));
}

/* closeOnExec(descriptor) */
static napi_value run_close_on_exec(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  int fd = take_int(&call, 0);
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, fcntl(fd, F_SETFD, FD_CLOEXEC));
}

/* plainOutput(descriptor): the terminal shows what is written as it is; ENOTTY for what is none */
static napi_value run_plain_output(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  int fd = take_int(&call, 0);
  if (call.error != 0) return give_refusal(&call);
  struct termios modes;
  if (tcgetattr(fd, &modes) != 0) return give_result(env, -1);
  modes.c_oflag &= ~(tcflag_t)OPOST;
  return give_result(env, tcsetattr(fd, TCSANOW, &modes));
}

void define_process(napi_env env, napi_value exports) {
  static const struct function functions[] = {
      {"execve", run_execve},
      {"keepOpen", run_keep_open},
      {"closeOnExec", run_close_on_exec},
      {"plainOutput", run_plain_output},
  };
  define_functions(env, exports, functions, sizeof functions / sizeof functions[0]);
}
