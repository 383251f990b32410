/* What both of the launcher's processes share: who they are, and how they say what went wrong. */
#ifndef LAUNCHER_REPORT_H
#define LAUNCHER_REPORT_H

#include "launcher_wire.h"
#include <linux/fcntl.h>
#include <linux/stat.h>

#define MSG_NOSIGNAL 0x4000
#define MSG_DONTWAIT 0x40

static struct {
  bool inner;        /* the container's first process */
  int sync;          /* packet socket between the two */
  int32_t operation; /* index of the operation under way, -1 before the first */
  bool new_pid_namespace;
  bool reaper;       /* stays, and the program is its child */
  bool entered;      /* a container that was there before */
} self = {.operation = -1, .sync = -1};

/* A report to the builder; from the inner process it goes through the outer one. */
static void send_frame(struct frame *frame) {
  if (self.inner) {
    SYS(sendto, self.sync, frame->bytes, frame->length, MSG_NOSIGNAL, 0, 0);
    return;
  }
  struct frame out = {.length = 0};
  put_u32(&out, frame->length);
  put_bytes(&out, frame->bytes, frame->length);
  size_t sent = 0;
  while (sent < out.length) {
    long result = SYS(sendto, CONTROL_FD, out.bytes + sent, out.length - sent, MSG_NOSIGNAL, 0, 0);
    if (result == -EINTR) continue;
    if (result <= 0) return; /* the builder is gone; its end of file is seen by the main loop */
    sent += (size_t)result;
  }
}

static __attribute__((noreturn)) void leave(int status) {
  for (;;) SYS(exit_group, status);
}

static __attribute__((noreturn)) void linger(void);

static __attribute__((noreturn)) void fail_as(uint32_t about_exec, const char *call, const char *subject, long result) {
  struct frame frame = {.length = 0};
  put_u8(&frame, REPORT_ERROR);
  put_u32(&frame, (uint32_t)self.operation);
  put_u32(&frame, (uint32_t)-result);
  put_u32(&frame, about_exec);
  put_text(&frame, call);
  if (subject[0] != 0) put_text(&frame, " ");
  put_text(&frame, subject);
  send_frame(&frame);
  if (self.inner) leave(1);
  linger();
}

static __attribute__((noreturn)) void fail(const char *call, const char *subject, long result) {
  fail_as(0, call, subject, result);
}

static long check(long result, const char *call, const char *subject) {
  if (result < 0) fail(call, subject, result);
  return result;
}

static void warn(const char *call, const char *subject, long result) {
  struct frame frame = {.length = 0};
  put_u8(&frame, REPORT_WARNING);
  put_u32(&frame, (uint32_t)self.operation);
  put_u32(&frame, (uint32_t)-result);
  put_text(&frame, call);
  if (subject[0] != 0) put_text(&frame, " ");
  put_text(&frame, subject);
  send_frame(&frame);
}

static void write_file(int directory, const char *path, const char *value) {
  int fd = (int)check(SYS(openat, directory, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0), "open", path);
  check(SYS(write, fd, value, text_length(value)), "write", path);
  SYS(close, fd);
}

#endif
