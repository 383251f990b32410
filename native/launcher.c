/*
 * The launcher: makes a container out of one request, without any policy of its own.
 *
 * It is started once per container with the request on descriptor 3, a socket whose other end the builder holds. The
 * outer process stays on the host: it passes signals on, relays output or a terminal, reports the exit, and, when the
 * socket ends, for whatever reason, kills what is left and removes the container's cgroups. So there is one way to end,
 * and it is the same whether the builder is done, was killed or crashed. The inner process carries out the operations
 * in the new namespaces and becomes the user's program. See launcher_wire.h for the formats, src/runtime/plan for what
 * decides the operations. Its other uses, without a container, are in launcher_namespace.h and launcher_settle.h.
 *
 * Needs Linux 5.12 (mount_setattr); x86_64 or arm64.
 */
#include "launcher_chroot.h"
#include "launcher_label.h"
#include "launcher_namespace.h"
#include "launcher_end.h"
#include "launcher_seal.h"
#include "launcher_settle.h"
#include <linux/bpf.h>
#include <linux/poll.h>
#include <linux/time_types.h>
#include <linux/wait.h>

/* ---------- the request ---------- */

static bool read_exactly(void *to, size_t length) {
  size_t done = 0;
  while (done < length) {
    long result = SYS(read, CONTROL_FD, (char *)to + done, length - done);
    if (result == -EINTR) continue;
    if (result <= 0) return false;
    done += (size_t)result;
  }
  return true;
}

static struct cursor read_request(void) {
  uint32_t header[3];
  if (!read_exactly(header, sizeof header)) leave(1);
  if (header[0] != REQUEST_MAGIC || header[1] != REQUEST_VERSION) fail("request of another version", "", -EPROTO);
  if (header[2] > REQUEST_LIMIT) fail("request too large", "", -E2BIG);
  long memory = SYS(mmap, 0, header[2] + 1, PROT_READ | PROT_WRITE, 0x22 /* MAP_PRIVATE|MAP_ANONYMOUS */, -1, 0);
  check(memory, "mmap", "");
  if (!read_exactly((void *)memory, header[2])) leave(1);
  return (struct cursor){(uint8_t *)memory, (uint8_t *)memory + header[2], false};
}

static uint32_t next_operation(struct cursor *request, struct cursor *fields) {
  self.operation++;
  uint32_t code = take_u32(request);
  *fields = take_bytes(request);
  if (request->bad) fail("request cut short", "", -EBADMSG);
  return code;
}

static void all_read(const struct cursor *fields) {
  if (fields->bad || fields->at != fields->end) fail("malformed operation", "", -EBADMSG);
}

/* ---------- the inner process ---------- */

static void carry_out(uint32_t code, struct cursor *fields) {
  switch (code) {
    case OP_JOIN_CGROUP: return op_join_cgroup(fields);
    case OP_UNSHARE: return op_unshare(fields);
    case OP_ENTER: return op_enter(fields);
    case OP_PROPAGATION: return op_propagation(fields);
    case OP_ROOT_OVERLAY: return op_root_overlay(fields);
    case OP_ROOT_BIND: return op_root_bind(fields);
    case OP_ROOT_FOLDER: return op_root_folder(fields);
    case OP_MOUNT: return op_mount(fields);
    case OP_BIND: return op_bind(fields);
    case OP_OVERLAY: return op_overlay(fields);
    case OP_DIRECTORY: return op_directory(fields);
    case OP_DEVICE: return op_device(fields);
    case OP_SYMLINK: return op_symlink(fields);
    case OP_MASK: return op_mask(fields);
    case OP_READONLY_PATH: return op_readonly_path(fields);
    case OP_READONLY_ROOT: return op_readonly_root();
    case OP_NODEV_ROOT: return op_nodev_root();
    case OP_TERMINAL: return op_terminal(fields);
    case OP_HOOK_POINT: return op_hook_point();
    case OP_HOOK: return op_hook(fields);
    case OP_START_HOOK: return op_start_hook(fields);
    case OP_PIVOT: return op_pivot();
    case OP_CHROOT: return op_chroot();
    case OP_HOSTNAME: return op_hostname(fields);
    case OP_DOMAINNAME: return op_domainname(fields);
    case OP_LOOPBACK: return op_loopback();
    case OP_SYSCTL: return op_sysctl(fields);
    case OP_KEYRING: return op_keyring();
    case OP_LABEL: return op_label(fields);
    case OP_RLIMIT: return op_rlimit(fields);
    case OP_CWD: return op_cwd(fields);
    case OP_BOUNDING: return op_bounding(fields);
    case OP_USER: return op_user(fields);
    case OP_UMASK: SYS(umask, take_u32(fields)); return;
    case OP_NO_NEW_PRIVILEGES:
      check(SYS(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs", "");
      return;
    case OP_SECCOMP: return op_seccomp(fields);
    case OP_CAPABILITIES: return op_capabilities(fields);
    case OP_STDIO: op_stdio(fields); break;
    case OP_INIT: self.reaper = true; break;
    case OP_EXEC: op_exec(fields);
    default: fail("unknown operation", "", -ENOSYS);
  }
}

static __attribute__((noreturn)) void run_inner(struct cursor request, bool mapped, const int *joins,
                                                const uint32_t *join_flags, uint32_t join_count) {
  check(SYS(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "set the death signal", "");
  check(SYS(setsid), "setsid", "");
  char word;
  if (mapped && SYS(read, self.sync, &word, 1) != 1) leave(1);
  if (mapped) become_root();
  for (uint32_t i = 0; i < join_count; i++) {
    if (join_flags[i] == CLONE_NEWPID) continue;
    join_namespace(joins[i], join_flags[i]);
  }
  SYS(umask, 0);
  struct cursor fields;
  for (;;) {
    uint32_t code = next_operation(&request, &fields);
    carry_out(code, &fields);
    all_read(&fields);
  }
}

/* ---------- the outer process ---------- */

static void op_cleanup(struct cursor *fields) {
  outer.cleanup_count = take_count(fields, 32);
  outer.cleanup = *fields;
  for (uint32_t i = 0; i < outer.cleanup_count; i++) take_string(fields);
}

static void op_device_program(struct cursor *fields) {
  const char *folder = take_string(fields);
  struct cursor code = take_bytes(fields);
  union bpf_attr load, attach;
  memset(&load, 0, sizeof load);
  memset(&attach, 0, sizeof attach);
  load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  load.insns = (uint64_t)(uintptr_t)code.at;
  load.insn_cnt = (uint32_t)((size_t)(code.end - code.at) / sizeof(struct bpf_insn));
  load.license = (uint64_t)(uintptr_t) "Apache-2.0";
  int program = (int)check(SYS(bpf, BPF_PROG_LOAD, &load, sizeof load), "load the device filter", "");
  attach.target_fd = (uint32_t)host_directory(folder);
  /* O_PATH will not do for bpf(2). */
  SYS(close, attach.target_fd);
  attach.target_fd = (uint32_t)check(SYS(openat, AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), "open", folder);
  attach.attach_bpf_fd = (uint32_t)program;
  attach.attach_type = BPF_CGROUP_DEVICE;
  attach.attach_flags = BPF_F_ALLOW_MULTI;
  check(SYS(bpf, BPF_PROG_ATTACH, &attach, sizeof attach), "attach the device filter", folder);
  SYS(close, attach.target_fd);
  SYS(close, program);
}

static void write_map(const char *file, const char *map) {
  struct text path = {.length = 0};
  add(&path, "/proc/"), add_number(&path, (uint64_t)outer.pid), add(&path, "/"), add(&path, file);
  write_file(AT_FDCWD, path.bytes, map);
}

static void op_clone(struct cursor *fields, struct cursor request) {
  uint64_t flags = take_u64(fields);
  outer.output = take_u32(fields);
  const char *uid_map = take_string(fields), *gid_map = take_string(fields);
  uint32_t count = take_count(fields, 8), join_flags[8];
  int joins[8];
  for (uint32_t i = 0; i < count; i++) {
    join_flags[i] = take_u32(fields);
    const char *path = take_string(fields);
    joins[i] = (int)check(SYS(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0), "open", path);
    /* The pid namespace is the one of the children; all others are joined by the child itself. */
    if (join_flags[i] == CLONE_NEWPID) check(SYS(setns, joins[i], CLONE_NEWPID), "setns", path);
  }
  all_read(fields);
  self.new_pid_namespace = (flags & CLONE_NEWPID) != 0;
  bool mapped = (flags & CLONE_NEWUSER) != 0;

  int sockets[2], out[2], err[2], in[2] = {-1, -1};
  check(SYS(socketpair, AF_UNIX, SOCK_SEQPACKET | O_CLOEXEC, 0, sockets), "socketpair", "");
  if (outer.output != OUTPUT_TERMINAL) {
    check(SYS(pipe2, out, O_CLOEXEC), "pipe", "");
    check(SYS(pipe2, err, O_CLOEXEC), "pipe", "");
  }
  if (outer.output == OUTPUT_RELAYED && !is_null_device(0)) check(SYS(pipe2, in, O_CLOEXEC), "pipe", "");
  int pidfd = -1;
  struct clone_args arguments = {.flags = flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
                                 .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD};
  long pid = SYS(clone3, &arguments, sizeof arguments);
  /* Filters cannot look into its arguments, so many refuse it. The old call sees no handlers to clear: there are none. */
  if (pid == -ENOSYS || pid == -EPERM) pid = SYS(clone, (uint32_t)flags | CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0);
  check(pid, "clone", "");
  if (pid == 0) {
    self.inner = true;
    self.sync = sockets[1];
    SYS(close, CONTROL_FD);
    SYS(close, sockets[0]);
    if (outer.output != OUTPUT_TERMINAL) {
      check(SYS(dup3, out[1], 1, 0), "dup", "stdout");
      check(SYS(dup3, err[1], 2, 0), "dup", "stderr");
      if (in[0] >= 0) check(SYS(dup3, in[0], 0, 0), "dup", "stdin");
    }
    run_inner(request, mapped, joins, join_flags, count);
  }
  outer.pid = (int)pid, outer.pidfd = pidfd;
  self.sync = sockets[0];
  SYS(close, sockets[1]);
  for (uint32_t i = 0; i < count; i++) SYS(close, joins[i]);
  for (int i = 0; i < 3; i++) outer.relays[i].from = outer.relays[i].to = -1;
  if (outer.output != OUTPUT_TERMINAL) {
    SYS(close, out[1]);
    SYS(close, err[1]);
    outer.relays[0].from = out[0], outer.relays[0].to = 1;
    outer.relays[1].from = err[0], outer.relays[1].to = 2;
    SYS(fcntl, out[0], F_SETFL, O_NONBLOCK);
    SYS(fcntl, err[0], F_SETFL, O_NONBLOCK);
    if (in[0] < 0) SYS(close, 0);
  }
  if (in[0] >= 0) {
    SYS(close, in[0]);
    outer.relays[2].from = 0, outer.relays[2].to = in[1];
    SYS(fcntl, in[1], F_SETFL, O_WRONLY | O_NONBLOCK);
  }
  if (mapped) {
    write_map("gid_map", gid_map);
    write_map("uid_map", uid_map);
    SYS(write, self.sync, "m", 1);
  }
}

/* PID 1 has ended: takes its status, ends what it left, and prepares the report. */
static void reap(void) {
  int32_t info[32]; /* siginfo_t: si_code is the third word, si_status the one after pid and uid */
  memset(info, 0, sizeof info);
  /* struct rusage: the times of the process and of all it waited for come first, as seconds and microseconds. */
  int64_t used[18];
  memset(used, 0, sizeof used);
  while (SYS(waitid, P_PIDFD, outer.pidfd, info, WEXITED, used) == -EINTR) continue;
  outer.exited = true;
  kill_rest();
  bool signaled = info[2] != 1 /* CLD_EXITED */;
  if (!outer.failed && !outer.started && !outer.killed) {
    restore_terminal();
    fail_as(0, signaled ? "the set-up was killed by a signal" : "the set-up ended early", "", -ECHILD);
  }
  put_u8(&outer.farewell, REPORT_EXITED);
  put_u32(&outer.farewell, signaled);
  put_u32(&outer.farewell, (uint32_t)info[6]);
  put_i64(&outer.farewell, (used[0] + used[2]) * 1000000 + used[1] + used[3]);
}

/* Once, and for a terminal after its last byte: who hears of the end may let the launcher go at once. */
static void report_exit(void) {
  if (!outer.exited || outer.reported || output_open()) return;
  restore_terminal();
  if (!outer.failed) send_frame(&outer.farewell);
  outer.reported = true;
}

static void started_if_running(void) {
  if (outer.started || outer.failed || !outer.ready || !outer.start_asked) return;
  outer.started = true;
  struct frame frame = {.length = 0};
  put_u8(&frame, REPORT_STARTED);
  send_frame(&frame);
}

/* A message of the inner process; its end of the socket closes with the exec. False at the end. */
static bool hear_inner(void) {
  struct frame frame = {.length = 0};
  struct rights rights = {.length = 0};
  struct iovec part = {frame.bytes, sizeof frame.bytes};
  struct message message = {.parts = &part, .part_count = 1, .control = &rights, .control_length = sizeof rights};
  long length = SYS(recvmsg, self.sync, &message, MSG_DONTWAIT | 0x40000000 /* MSG_CMSG_CLOEXEC */);
  if (length == -EAGAIN || length == -EINTR) return true;
  if (length <= 0) {
    if (length == 0) started_if_running();
    return false;
  }
  frame.length = (uint32_t)length;
  if (frame.bytes[0] == REPORT_MASTER) {
    if (rights.length != 0) open_terminal(rights.fd);
    return true;
  }
  if (frame.bytes[0] == REPORT_ERROR) outer.failed = true;
  if (frame.bytes[0] == REPORT_HOOKS) put_u32(&frame, (uint32_t)outer.pid);
  if (frame.bytes[0] == REPORT_READY) {
    outer.ready = true;
    put_u32(&frame, (uint32_t)outer.pid);
    if (outer.start_asked) SYS(write, self.sync, "s", 1);
  }
  send_frame(&frame);
  return true;
}

static void obey(uint32_t command, uint32_t argument) {
  switch (command) {
    case COMMAND_START:
      if (outer.ready && !outer.start_asked) SYS(write, self.sync, "s", 1);
      outer.start_asked = true;
      return;
    case COMMAND_SIGNAL:
      SYS(pidfd_send_signal, outer.pidfd, argument, 0, 0);
      return;
    case COMMAND_KILL:
      outer.killed = true;
      SYS(pidfd_send_signal, outer.pidfd, SIGKILL, 0, 0);
      thaw();
      return;
    case COMMAND_CONTINUE:
      SYS(write, self.sync, "c", 1);
      return;
    case COMMAND_RESIZE:
      resize((uint16_t)(argument >> 16), (uint16_t)argument);
      return;
    default: return;
  }
}

static void hear_builder(void) {
  static uint8_t bytes[8];
  static size_t held;
  long length = SYS(read, CONTROL_FD, bytes + held, sizeof bytes - held);
  if (length == -EINTR) return;
  if (length <= 0) finish();
  held += (size_t)length;
  if (held < sizeof bytes) return;
  uint32_t words[2];
  memcpy(words, bytes, sizeof words);
  held = 0;
  obey(words[0], words[1]);
}

static __attribute__((noreturn)) void supervise(void) {
  bool inner_talks = true;
  for (;;) {
    struct pollfd polls[7] = {
        {CONTROL_FD, POLLIN, 0},
        {inner_talks ? self.sync : -1, POLLIN, 0},
        {outer.exited ? -1 : outer.pidfd, POLLIN, 0},
        {outer.windows, POLLIN, 0},
    };
    for (int i = 0; i < 3; i++) {
      struct relay *relay = &outer.relays[i];
      bool full = holds_bytes(relay);
      polls[4 + i].fd = full ? relay->to : relay->from;
      polls[4 + i].events = full ? POLLOUT : POLLIN;
    }
    /* Terminal and pipes hang up when their last program has ended; what another container holds does not. */
    bool draining = outer.exited && output_open();
    struct __kernel_timespec patience = {0, 200000000};
    long ready = SYS(ppoll, polls, 7, draining ? &patience : NULL, 0, 0);
    if (ready < 0) continue;
    for (int i = 0; i < 2 && ready == 0; i++)
      if (!holds_bytes(&outer.relays[i])) end_relay(&outer.relays[i]);
    if (polls[1].revents != 0) inner_talks = hear_inner();
    for (int i = 0; i < 3; i++) {
      struct relay *relay = &outer.relays[i];
      if (polls[4 + i].revents == 0 || polls[4 + i].fd < 0) continue;
      if (holds_bytes(relay)) drain(relay);
      else fill(relay, (polls[4 + i].revents & POLLHUP) != 0);
    }
    if (polls[3].revents != 0) {
      char info[128];
      SYS(read, outer.windows, info, sizeof info);
      follow_window();
    }
    if (polls[2].revents != 0) {
      while (inner_talks && (inner_talks = hear_inner()) && !outer.failed) continue;
      reap();
      /* The input side has nobody to read it any more; the output is drained to its end. */
      if (outer.output == OUTPUT_TERMINAL) end_relay(&outer.relays[0]);
    }
    report_exit();
    if (polls[0].revents != 0) hear_builder();
  }
}

__attribute__((noreturn, used)) void launcher(const long *stack) {
  long count = stack[0];
  char **words = (char **)(stack + 1);
  if (count > 2 && text_equal(words[1], "namespace")) enter_namespaces(count, words, words + count + 1);
  if (count == 3 && text_equal(words[1], "settle")) settle_store(words[2]);
  SYS(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
  seal_self(stack);
  SYS(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
  /* What the caller had open (`9<file`) is for no process of a container, not even while that is being made or entered. */
  check(SYS(close_range, CONTROL_FD + 1, ~0u, 0), "close_range", "");
  /* Blocked, not ignored: the program must not inherit that. Keys of the caller's terminal are the builder's business. */
  uint64_t all = ~0ull;
  SYS(rt_sigprocmask, SIG_BLOCK, &all, 0, sizeof all);
  /* The C library's posix_spawn leaves the two that are its own ignored, which would last through every exec. */
  const uint64_t defaults[4] = {0};
  for (int own = 32; own <= 33; own++) SYS(rt_sigaction, own, defaults, 0, sizeof all);
  struct cursor request = read_request(), fields;
  for (;;) {
    uint32_t code = next_operation(&request, &fields);
    switch (code) {
      case OP_CLEANUP: op_cleanup(&fields); break;
      case OP_DEVICE_PROGRAM: op_device_program(&fields); break;
      case OP_OOM_SCORE: write_file(AT_FDCWD, "/proc/self/oom_score_adj", take_string(&fields)); break;
      case OP_ID_MAP: op_id_map(&fields); break;
      case OP_LEAVE_REST: outer.leaves_rest = true; break;
      case OP_REAP_REST: op_reap_rest(), outer.reaps_rest = true; break;
      case OP_CLONE: op_clone(&fields, request); supervise();
      default: fail("unknown operation", "", -ENOSYS);
    }
    all_read(&fields);
  }
}
