/*
 * Hooks that run in the container's namespaces (runtime-spec config.md, "POSIX-platform Hooks"): before the root is
 * switched they are programs of the host, right before the user's program ones of the container. Each gets the state on
 * its standard input, with the process id as it is here, and fails the set-up if it fails.
 */
#ifndef LAUNCHER_HOOKS_H
#define LAUNCHER_HOOKS_H

#include "launcher_overlay.h"
#include <linux/close_range.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/time_types.h>
#include <linux/wait.h>

#define HOOK_SIGKILL 9
#define HOOK_SIGCHLD 17
#define HOOK_OUTPUT 2048

struct hook {
  const char *path, *before, *after; /* of the state: what is before and after the process id */
  const char *arguments[1024], *environment[4096];
  uint32_t seconds; /* 0: without a limit */
  bool outside;     /* in the folder of the root, as the host has it */
};

/* For after the change of user: what is run is read from the request only then. */
static struct {
  struct cursor fields;
  int32_t operation;
} start_hooks[64];
static uint32_t start_hook_count;

static void take_texts(struct cursor *fields, const char **texts, uint32_t limit) {
  uint32_t count = take_count(fields, limit);
  for (uint32_t i = 0; i < count; i++) texts[i] = take_string(fields);
  texts[count] = NULL;
}

static __attribute__((noreturn)) void become_hook(const struct hook *hook, int input, int output) {
  SYS(prctl, PR_SET_PDEATHSIG, HOOK_SIGKILL, 0, 0, 0);
  SYS(dup3, input, 0, 0), SYS(dup3, output, 1, 0), SYS(dup3, output, 2, 0);
  if (hook->outside) SYS(fchdir, root.fd);
  SYS(close_range, 3, ~0u, 0);
  SYS(umask, 022);
  uint64_t none = 0;
  SYS(rt_sigprocmask, 2 /* SIG_SETMASK */, &none, 0, sizeof none);
  long result = SYS(execve, hook->path, hook->arguments, hook->environment);
  struct text line = {.length = 0};
  add(&line, "cannot execute it: errno "), add_number(&line, (uint64_t)-result);
  SYS(write, 2, line.bytes, line.length);
  leave(127);
}

/* The end of what it prints is kept: errors come last. False at the end of it. */
static bool keep_output(int from, struct text *output) {
  char bytes[1024];
  long length = SYS(read, from, bytes, sizeof bytes);
  if (length == -EAGAIN || length == -EINTR) return true;
  if (length <= 0) return false;
  add_bytes(output, bytes, (size_t)length);
  if (output->length <= HOOK_OUTPUT) return true;
  memmove(output->bytes, output->bytes + output->length - HOOK_OUTPUT, HOOK_OUTPUT + 1);
  output->length = HOOK_OUTPUT;
  return true;
}

struct feed {
  const char *parts[3];
  size_t part, at;
};

/* False when all is written. */
static bool feed_state(int to, struct feed *feed) {
  while (feed->part < 3) {
    const char *rest = feed->parts[feed->part] + feed->at;
    size_t length = text_length(rest);
    long result = length == 0 ? 0 : SYS(write, to, rest, length);
    if (result == -EAGAIN || result == -EINTR) return true;
    if (result < 0) return false;
    feed->at += (size_t)result;
    if ((size_t)result == length) feed->part++, feed->at = 0;
  }
  return false;
}

/* Until it has ended; says whether that was at its timeout. */
static bool await_hook(int pidfd, int ends[2], struct feed *feed, uint32_t seconds, struct text *output) {
  struct __kernel_timespec left = {seconds, 0};
  bool timed_out = false;
  for (;;) {
    struct pollfd polls[3] = {{pidfd, POLLIN, 0}, {ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}};
    /* The kernel writes back what is left of the time. */
    long ready = SYS(ppoll, polls, 3, seconds != 0 && !timed_out ? &left : NULL, 0, 0);
    if (ready == -EINTR) continue;
    check(ready, "wait for it", "");
    if (ready == 0) {
      timed_out = true;
      SYS(pidfd_send_signal, pidfd, HOOK_SIGKILL, 0, 0);
    }
    if (polls[2].revents != 0 && !feed_state(ends[1], feed)) SYS(close, ends[1]), ends[1] = -1;
    if (polls[1].revents != 0 && !keep_output(ends[0], output)) SYS(close, ends[0]), ends[0] = -1;
    if (polls[0].revents != 0) return timed_out;
  }
}

static void run_hook(const struct hook *hook) {
  int in[2], out[2], pidfd = -1;
  check(SYS(pipe2, in, O_CLOEXEC), "pipe", "");
  check(SYS(pipe2, out, O_CLOEXEC), "pipe", "");
  long pid = check(SYS(clone, CLONE_PIDFD | HOOK_SIGCHLD, 0, &pidfd, 0, 0), "clone", "");
  if (pid == 0) become_hook(hook, in[0], out[1]);
  SYS(close, out[1]);
  SYS(fcntl, in[1], F_SETFL, O_WRONLY | O_NONBLOCK), SYS(fcntl, out[0], F_SETFL, O_NONBLOCK);
  struct text own = {.length = 0}, output = {.length = 0};
  add_number(&own, (uint64_t)SYS(getpid));
  struct feed feed = {.parts = {hook->before, own.bytes, hook->after}};
  int ends[2] = {out[0], in[1]};
  bool timed_out = await_hook(pidfd, ends, &feed, hook->seconds, &output);
  /* Not before: a write that nobody can read leaves a SIGPIPE, which would end the program that it is unblocked for. */
  SYS(close, in[0]);
  int32_t info[32];
  memset(info, 0, sizeof info);
  while (SYS(waitid, P_PIDFD, pidfd, info, WEXITED, 0) == -EINTR) continue;
  /* What it left running may hold the pipe: what is in it is taken, and its end not waited for. */
  for (int rounds = 0; ends[0] >= 0 && rounds < 64; rounds++) {
    struct pollfd poll = {ends[0], POLLIN, 0};
    struct __kernel_timespec now = {0, 0};
    if (SYS(ppoll, &poll, 1, &now, 0, 0) <= 0 || !keep_output(ends[0], &output)) break;
  }
  for (int i = 0; i < 2; i++)
    if (ends[i] >= 0) SYS(close, ends[i]);
  SYS(close, pidfd);
  bool exited = info[2] == 1 /* CLD_EXITED */;
  if (exited && info[6] == 0) return;
  struct text how = {.length = 0};
  if (timed_out) add(&how, "was killed at its timeout of "), add_number(&how, hook->seconds), add(&how, " s");
  else add(&how, exited ? "ended with " : "was killed by signal "), add_number(&how, (uint64_t)info[6]);
  if (output.length != 0) add(&how, ":");
  fail(how.bytes, output.bytes, 0);
}

static void carry_out_hook(struct cursor *fields, bool outside) {
  static struct hook hook;
  hook.outside = outside;
  hook.path = take_string(fields);
  take_texts(fields, hook.arguments, 1023);
  take_texts(fields, hook.environment, 4095);
  hook.seconds = take_u32(fields);
  hook.before = take_string(fields), hook.after = take_string(fields);
  if (fields->bad) fail("read the hook", "", -EBADMSG);
  run_hook(&hook);
}

static void op_hook(struct cursor *fields) { carry_out_hook(fields, true); }

static void op_start_hook(struct cursor *fields) {
  if (start_hook_count == sizeof start_hooks / sizeof *start_hooks) fail("too many hooks", "", -E2BIG);
  start_hooks[start_hook_count].fields = *fields;
  start_hooks[start_hook_count++].operation = self.operation;
  fields->at = fields->end;
}

/* A failure is one of the hook's operation. */
static void run_start_hooks(void) {
  int32_t own = self.operation;
  for (uint32_t i = 0; i < start_hook_count; i++) {
    self.operation = start_hooks[i].operation;
    carry_out_hook(&start_hooks[i].fields, false);
  }
  self.operation = own;
}

/* The builder runs hooks of its own now, on the host, and says when they are done. */
static void op_hook_point(void) {
  struct frame frame = {.length = 0};
  put_u8(&frame, REPORT_HOOKS);
  send_frame(&frame);
  char word;
  if (SYS(read, self.sync, &word, 1) != 1) leave(1);
}

#endif
