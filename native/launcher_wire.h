/*
 * The request and the reports. All integers are of the machine's own byte order: both ends are the same machine.
 *
 * Request, on descriptor 3:  u32 magic, u32 version, u32 length of the rest, then operations:
 *   u32 code, u32 length, fields. A field is a u32, a u64, a string (u32 length, the bytes, a NUL), bytes (u32 length,
 *   the bytes) or a list (u32 count, then its items).
 * Commands, after the request: u32 command, u32 argument. End of file means that the builder died.
 * Reports, back on descriptor 3:  u32 length of the rest, u8 kind, fields.
 */
#ifndef LAUNCHER_WIRE_H
#define LAUNCHER_WIRE_H

#include "launcher_kernel.h"
#include <linux/errno.h>
#include <asm/errno.h>

#define REQUEST_MAGIC 0x4c425354u /* "TSBL" */
#define REQUEST_VERSION 1u
#define REQUEST_LIMIT (16u << 20)
#define CONTROL_FD 3

enum operation {
  /* By the outer process. */
  OP_CLEANUP = 1,
  OP_DEVICE_PROGRAM = 2,
  OP_OOM_SCORE = 3,
  OP_CLONE = 4,
  OP_LEAVE_REST = 5,
  OP_REAP_REST = 6,
  OP_ID_MAP = 7,
  /* By the container's first process, in its new namespaces. */
  OP_JOIN_CGROUP = 16,
  OP_UNSHARE = 17,
  OP_PROPAGATION = 18,
  OP_ROOT_OVERLAY = 19,
  OP_ROOT_BIND = 20,
  OP_MOUNT = 21,
  OP_BIND = 22,
  OP_OVERLAY = 23,
  OP_DIRECTORY = 24,
  OP_DEVICE = 25,
  OP_SYMLINK = 26,
  OP_MASK = 27,
  OP_READONLY_PATH = 28,
  OP_READONLY_ROOT = 29,
  OP_TERMINAL = 30,
  OP_PIVOT = 31,
  OP_HOSTNAME = 32,
  OP_DOMAINNAME = 33,
  OP_LOOPBACK = 34,
  OP_SYSCTL = 35,
  OP_KEYRING = 36,
  OP_RLIMIT = 37,
  OP_CWD = 38,
  OP_BOUNDING = 39,
  OP_USER = 40,
  OP_UMASK = 41,
  OP_NO_NEW_PRIVILEGES = 42,
  OP_SECCOMP = 43,
  OP_CAPABILITIES = 44,
  OP_EXEC = 45,
  OP_NODEV_ROOT = 46,
  OP_STDIO = 47,
  OP_ENTER = 48,
  OP_INIT = 49,
  OP_LABEL = 50,
  OP_ROOT_FOLDER = 51,
  OP_CHROOT = 52,
  OP_HOOK_POINT = 53,
  OP_HOOK = 54,
  OP_START_HOOK = 55,
};

enum command { COMMAND_START = 1, COMMAND_SIGNAL = 2, COMMAND_KILL = 3, COMMAND_RESIZE = 4, COMMAND_CONTINUE = 5 };

/* Kinds of reports. The lower-case ones stay between the launcher's two processes. */
enum report {
  REPORT_READY = 'R',   /* u32 process id */
  REPORT_HOOKS = 'H',   /* u32 process id: it waits for COMMAND_CONTINUE, while the builder runs hooks */
  REPORT_STARTED = 'S', /* */
  REPORT_ERROR = 'E',   /* i32 index of the operation, i32 errno, u32 is it about executing the program, text */
  REPORT_CREATED = 'P', /* u32 is it a directory, the parent's mtime before and after (each i64 seconds, i64 nanoseconds), path */
  REPORT_WARNING = 'W', /* i32 index of the operation, i32 errno, text */
  REPORT_EXITED = 'X',  /* u32 was it a signal, u32 code or signal, i64 microseconds of processor time */
  REPORT_MASTER = 'm',  /* carries the terminal's master */
};

struct cursor {
  const uint8_t *at;
  const uint8_t *end;
  /* Once a field was cut short every later one reads as empty; one check at the end of an operation is enough. */
  bool bad;
};

static const uint8_t *take(struct cursor *cursor, size_t length) {
  if (cursor->bad || (size_t)(cursor->end - cursor->at) < length) {
    cursor->bad = true;
    return NULL;
  }
  const uint8_t *at = cursor->at;
  cursor->at += length;
  return at;
}

static uint32_t take_u32(struct cursor *cursor) {
  uint32_t value = 0;
  const uint8_t *at = take(cursor, sizeof value);
  if (at != NULL) memcpy(&value, at, sizeof value);
  return value;
}

static uint64_t take_u64(struct cursor *cursor) {
  uint64_t value = 0;
  const uint8_t *at = take(cursor, sizeof value);
  if (at != NULL) memcpy(&value, at, sizeof value);
  return value;
}

/* In place: the request stays mapped. A NUL inside would let the kernel see another string than the planner meant. */
static const char *take_string(struct cursor *cursor) {
  uint32_t length = take_u32(cursor);
  const uint8_t *at = take(cursor, (size_t)length + 1);
  if (at != NULL && text_length((const char *)at) == length && at[length] == 0) return (const char *)at;
  cursor->bad = true;
  return "";
}

static struct cursor take_bytes(struct cursor *cursor) {
  uint32_t length = take_u32(cursor);
  const uint8_t *at = take(cursor, length);
  return (struct cursor){at, at == NULL ? NULL : at + length, at == NULL};
}

/* How many items follow; never more than could fit, so that a count can size an array. */
static uint32_t take_count(struct cursor *cursor, uint32_t limit) {
  uint32_t count = take_u32(cursor);
  if (count <= limit && count <= (size_t)(cursor->end - cursor->at) / 4) return count;
  cursor->bad = true;
  return 0;
}

/* A report being written. */
struct frame {
  uint32_t length;
  uint8_t bytes[4096 + 256];
};

static void put_bytes(struct frame *frame, const void *bytes, size_t length) {
  size_t space = sizeof frame->bytes - frame->length;
  if (length > space) length = space;
  memcpy(frame->bytes + frame->length, bytes, length);
  frame->length += (uint32_t)length;
}

static void put_u8(struct frame *frame, uint8_t value) { put_bytes(frame, &value, sizeof value); }
static void put_u32(struct frame *frame, uint32_t value) { put_bytes(frame, &value, sizeof value); }
static void put_i64(struct frame *frame, int64_t value) { put_bytes(frame, &value, sizeof value); }
static void put_text(struct frame *frame, const char *text) { put_bytes(frame, text, text_length(text)); }

#endif
