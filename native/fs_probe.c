/*
 * What the kernel, and whoever filters calls to it, would allow. Nothing is left behind: calls are made with arguments
 * that none of them takes, and namespaces end with the one process in them.
 */
#include "fs.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* The numbers from 424 on are the same on all processors; each of these refuses the arguments -1 before it does anything. */
static bool is_harmless(int64_t number) {
  return number == 424 /* pidfd_send_signal */ || number == 428 /* open_tree */ || number == 429 /* move_mount */ ||
         number == 430 /* fsopen */ || number == 434 /* pidfd_open */ || number == 435 /* clone3 */ ||
         number == 437 /* openat2 */ || number == 442 /* mount_setattr */;
}

/* refusalOf(call number) → -errno of the call with senseless arguments: ENOSYS where there is no such call */
static napi_value run_refusal_of(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  int64_t number = take_int64(&call, 0);
  if (!is_harmless(number)) call.error = EINVAL;
  if (call.error != 0) return give_refusal(&call);
  return give_result(env, syscall(number, -1L, -1L, -1L, -1L, -1L));
}

#define STEPS 5
#define UNTRIED 1

struct attempt {
  const char *folder;
  unsigned uid, gid;
  /* Of creating, mapping, overlay, proc, network: 0, -errno, or UNTRIED. */
  int results[STEPS];
};

static int write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  ssize_t written = write(fd, text, strlen(text));
  int result = written < 0 ? -errno : 0;
  close(fd);
  return result;
}

static int map_ids(const struct attempt *attempt) {
  char map[64];
  int result = write_text("/proc/self/setgroups", "deny");
  /* Older than the file, or forbidden already. */
  if (result != 0 && result != -ENOENT && result != -EPERM) return result;
  snprintf(map, sizeof map, "0 %u 1", attempt->uid);
  result = write_text("/proc/self/uid_map", map);
  if (result != 0) return result;
  snprintf(map, sizeof map, "0 %u 1", attempt->gid);
  return write_text("/proc/self/gid_map", map);
}

/* In a folder that has the directories `lower` with `lower/file`, `upper`, `work`, `merged`: mounts, and removes the file. */
static int use_overlay(void) {
  static const char options[] = "lowerdir=lower,upperdir=upper,workdir=work,index=off,xino=off,userxattr";
  if (mount("overlay", "merged", "overlay", 0, options) != 0) return -errno;
  return unlink("merged/file") == 0 ? 0 : -errno;
}

/* The first process of the namespaces. It shares the memory of the caller, who waits for its end. */
static int inside(void *argument) {
  struct attempt *attempt = argument;
  attempt->results[1] = map_ids(attempt);
  if (attempt->results[1] != 0) return 0;
  if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0 || chdir(attempt->folder) != 0) {
    attempt->results[2] = -errno;
    return 0;
  }
  attempt->results[2] = use_overlay();
  attempt->results[3] = mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0 ? 0 : -errno;
  attempt->results[4] = unshare(CLONE_NEWNET) == 0 ? 0 : -errno;
  return 0;
}

/* tryUserNamespace(folder) → results of the steps, with blanks between; mounts end with the namespace */
static napi_value run_try_user_namespace(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct text folder;
  take_text(&call, 0, &folder);
  if (call.error != 0) return give_refusal(&call);
  struct attempt attempt = {.folder = folder.bytes, .uid = geteuid(), .gid = getegid()};
  for (int i = 0; i < STEPS; i++) attempt.results[i] = UNTRIED;
  size_t size = 64 * 1024;
  char *stack = aligned_alloc(16, size);
  if (stack == NULL) return give_number(env, -ENOMEM);
  /* A handler of Node's must not run in the child: it has the same memory. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  int flags = CLONE_VM | CLONE_VFORK | CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | SIGCHLD;
  pid_t pid = clone(inside, stack + size, flags, &attempt);
  attempt.results[0] = pid < 0 ? -errno : 0;
  if (pid > 0) waitpid(pid, NULL, 0);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  free(stack);
  char text[STEPS * 12];
  int length = snprintf(text, sizeof text, "%d %d %d %d %d", attempt.results[0], attempt.results[1],
                        attempt.results[2], attempt.results[3], attempt.results[4]);
  return give_bytes(env, text, (size_t)length);
}

void define_probe(napi_env env, napi_value exports) {
  static const struct function functions[] = {
      {"refusalOf", run_refusal_of},
      {"tryUserNamespace", run_try_user_namespace},
  };
  define_functions(env, exports, functions, sizeof functions / sizeof functions[0]);
}
