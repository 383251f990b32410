/*
 * The third use of the launcher: to wait for the disk in the place of a build that is done.
 *
 *   launcher settle BOOT
 *
 * Descriptor 3 is the store's folder of marks (src/store/settled.ts, which has their format and what they promise). The
 * clock is read, the store's file system is synced, and the time becomes the boot's newer mark. Whatever fails leaves no
 * mark, which costs no more than a look at what was written. A sync that fails ends the marks of this boot: the kernel
 * tells of what it could not write once, and the next sync would succeed without it. One syncs at a time and one more
 * waits for it: whoever finds one waiting may go, since that one has yet to read its clock.
 */
#ifndef LAUNCHER_SETTLE_H
#define LAUNCHER_SETTLE_H

#include "launcher_report.h"
#include <linux/time_types.h>

#define MARKS_FD 3
#define LOCK_EXCLUSIVE 2
#define LOCK_AT_ONCE 4

static long open_mark(const char *name, int flags) {
  return SYS(openat, MARKS_FD, name, flags | O_NOFOLLOW | O_CLOEXEC, 0644);
}

/* Nanoseconds; 0 for a mark that is not there, or not of this boot. */
static uint64_t time_of_mark(const char *name, const char *boot) {
  char found[256];
  long fd = open_mark(name, O_RDONLY);
  if (fd < 0) return 0;
  long length = SYS(read, fd, found, sizeof found - 1);
  SYS(close, fd);
  if (length <= 0) return 0;
  found[length] = 0;
  static const char *before = "{\"at\":", *between = ",\"boot\":\"";
  if (!starts_with(found, before)) return 0;
  const char *at = found + text_length(before);
  uint64_t time = 0;
  for (; *at >= '0' && *at <= '9'; at++) time = time * 10 + (uint64_t)(*at - '0');
  if (!starts_with(at, between)) return 0;
  at += text_length(between);
  return starts_with(at, boot) && text_equal(at + text_length(boot), "\"}") ? time : 0;
}

static void write_mark(const char *name, const char *boot, uint64_t time) {
  static const char *staged = "settling";
  struct text line = {.length = 0};
  add(&line, "{\"at\":"), add_number(&line, time), add(&line, ",\"boot\":\""), add(&line, boot), add(&line, "\"}");
  long fd = open_mark(staged, O_WRONLY | O_CREAT | O_TRUNC);
  if (fd < 0) leave(1);
  long written = SYS(write, fd, line.bytes, line.length);
  SYS(close, fd);
  if (written != (long)line.length) {
    SYS(unlinkat, MARKS_FD, staged, 0);
    leave(1);
  }
  SYS(renameat2, MARKS_FD, staged, MARKS_FD, name, 0);
}

static __attribute__((noreturn)) void settle_store(const char *boot) {
  SYS(close_range, MARKS_FD + 1, ~0u, 0);
  /* The keys of the caller's terminal are not for it, nor is the end of that. */
  SYS(setsid);
  long waiting = open_mark("waiting.lock", O_RDWR | O_CREAT), syncing = open_mark("syncing.lock", O_RDWR | O_CREAT);
  if (waiting < 0 || syncing < 0) leave(1);
  if (SYS(flock, waiting, LOCK_EXCLUSIVE | LOCK_AT_ONCE) < 0) leave(0);
  while (SYS(flock, syncing, LOCK_EXCLUSIVE) == -EINTR) continue;
  SYS(close, waiting);

  struct text failed = {.length = 0};
  add(&failed, boot), add(&failed, ".failed");
  if (open_mark(failed.bytes, O_RDONLY) >= 0) leave(0);
  struct text names[2] = {{.length = 0}, {.length = 0}};
  add(&names[0], boot), add(&names[0], ".json");
  add(&names[1], boot), add(&names[1], ".1.json");
  struct __kernel_timespec now;
  if (SYS(clock_gettime, 1 /* CLOCK_MONOTONIC */, &now) < 0) leave(1);
  uint64_t time = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
  if (SYS(syncfs, MARKS_FD) < 0) {
    open_mark(failed.bytes, O_WRONLY | O_CREAT);
    leave(1);
  }
  uint64_t times[2];
  for (int i = 0; i < 2; i++) times[i] = time_of_mark(names[i].bytes, boot);
  if (time > times[0] && time > times[1]) write_mark(names[times[1] < times[0]].bytes, boot, time);
  leave(0);
}

#endif
