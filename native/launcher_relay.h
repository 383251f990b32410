/* The outer process's state, and what it passes on: through pipes, or a terminal in both directions. */
#ifndef LAUNCHER_RELAY_H
#define LAUNCHER_RELAY_H

#include "launcher_process.h"

enum output { OUTPUT_RELAYED = 0, OUTPUT_PIPES = 1, OUTPUT_TERMINAL = 2 };

/* Bytes on their way; `to` may be a socket, a pipe or a terminal, and is never waited for. */
struct relay {
  int from, to; /* -1: closed */
  size_t start, end;
  char bytes[16384];
};

static struct {
  struct cursor cleanup; /* the cgroup folders of the container: strings */
  uint32_t cleanup_count;
  bool reaps_rest;  /* what the program leaves behind comes to this process, and ends here */
  bool leaves_rest; /* what the program leaves behind is the container's that was entered */
  int pidfd, pid;
  bool ready, start_asked, started, failed, exited, killed, reported;
  struct frame farewell; /* the report of the exit */
  int master, windows; /* of the terminal; -1 */
  enum output output;
  bool raw;
  struct termios before;
  struct relay relays[3]; /* pipes: stdout, stderr, stdin; terminal: input, output */
} outer = {.pidfd = -1, .master = -1, .windows = -1};

static void restore_terminal(void) {
  if (outer.raw) SYS(ioctl, 0, TCSETS, &outer.before);
  outer.raw = false;
}

static void resize(uint16_t columns, uint16_t rows) {
  struct winsize size = {.ws_col = columns, .ws_row = rows};
  if (outer.master >= 0) SYS(ioctl, outer.master, TIOCSWINSZ, &size);
}

/* The caller's terminal is where it shows the output, also when its input does not go to the container. */
static void follow_window(void) {
  struct winsize size = {.ws_col = 0};
  for (int fd = 0; fd <= 1 && size.ws_col == 0; fd++) SYS(ioctl, fd, TIOCGWINSZ, &size);
  if (size.ws_col != 0) resize(size.ws_col, size.ws_row);
}

/* The caller's terminal passes every key on; the one inside the container gives them their meaning. */
static void open_terminal(int master) {
  outer.master = master;
  outer.relays[0].from = 0, outer.relays[0].to = master;
  outer.relays[1].from = master, outer.relays[1].to = 1;
  SYS(fcntl, master, F_SETFL, O_RDWR | O_NONBLOCK);
  uint64_t window_signal = 1ull << (SIGWINCH - 1);
  outer.windows = (int)SYS(signalfd4, -1, &window_signal, sizeof window_signal, O_CLOEXEC | O_NONBLOCK);
  follow_window();
  if (SYS(ioctl, 0, TCGETS, &outer.before) != 0) return;
  struct termios raw = outer.before;
  raw.c_iflag &= ~(unsigned)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  raw.c_oflag &= ~(unsigned)OPOST;
  raw.c_lflag &= ~(unsigned)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  raw.c_cflag = (raw.c_cflag & ~(unsigned)(CSIZE | PARENB)) | CS8;
  raw.c_cc[VMIN] = 1, raw.c_cc[VTIME] = 0;
  outer.raw = SYS(ioctl, 0, TCSETS, &raw) == 0;
}

static void end_relay(struct relay *relay) {
  /* The master serves both directions, and the caller's terminal is still to be restored. */
  if (outer.output != OUTPUT_TERMINAL && relay->from >= 0) {
    SYS(close, relay->from);
    SYS(close, relay->to);
  }
  /* Who reads the output as a stream waits for its end. */
  if (outer.output == OUTPUT_TERMINAL && relay->to == 1) SYS(close, 1), SYS(close, 2);
  relay->from = relay->to = -1;
}

static void fill(struct relay *relay, bool hung_up) {
  long length = SYS(read, relay->from, relay->bytes, sizeof relay->bytes);
  if (length == -EAGAIN || length == -EINTR) return;
  relay->start = 0;
  relay->end = length > 0 ? (size_t)length : 0;
  if (length > 0) return;
  /*
   * Input ends: the program hears of it by the end-of-file key. A terminal may have more to say (the key was typed before
   * it was raw), unless it is gone; and it stays open, to be restored.
   */
  if (length == 0 && relay->from == 0 && outer.output == OUTPUT_TERMINAL) {
    relay->bytes[0] = 4;
    relay->end = 1;
    if (!outer.raw || hung_up) relay->from = -1;
    return;
  }
  end_relay(relay);
}

static void drain(struct relay *relay) {
  size_t length = relay->end - relay->start;
  long result = SYS(sendto, relay->to, relay->bytes + relay->start, length, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
  /* No socket: a pipe that polls writable takes a page without blocking. */
  if (result == -ENOTSOCK) result = SYS(write, relay->to, relay->bytes + relay->start, length < 4096 ? length : 4096);
  if (result == -EAGAIN || result == -EINTR) return;
  if (result < 0) {
    /* The reader is gone: the writer inside shall get its SIGPIPE. */
    end_relay(relay);
    return;
  }
  relay->start += (size_t)result;
  if (relay->start == relay->end && relay->from < 0) end_relay(relay);
}

/* Whether output may still come although the program has ended: the caller hears of the end when it has it all. */
static bool output_open(void) {
  if (outer.output == OUTPUT_TERMINAL) return outer.relays[1].from >= 0;
  return outer.output == OUTPUT_RELAYED && (outer.relays[0].from >= 0 || outer.relays[1].from >= 0);
}

static bool holds_bytes(const struct relay *relay) { return relay->start < relay->end; }

#endif
