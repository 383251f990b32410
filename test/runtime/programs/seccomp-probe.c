/*
 * Makes system calls and prints what became of each, as "name errno". With a file as argument, it first installs the
 * file's bytes as its seccomp filter.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void load(const char *path) {
  static struct sock_filter instructions[4096];
  FILE *file = fopen(path, "rb");
  if (file == NULL) exit(101);
  struct sock_fprog program = {fread(instructions, sizeof *instructions, 4096, file), instructions};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) exit(102);
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    perror("seccomp");
    exit(103);
  }
}

static void report(const char *name, long result) {
  printf("%s %d\n", name, result == -1 ? errno : 0);
}

#ifdef __x86_64__
static long i386(long number, long a) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a) : "memory", "r8", "r9", "r10", "r11");
  if (result < 0) errno = (int)-result;
  return result < 0 ? -1 : result;
}

/* A kernel without the 32-bit interface ends the process. */
static void i386_calls(void) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    report("i386-getpid", i386(20, 0));
    report("i386-unshare", i386(310, CLONE_NEWUTS));
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, NULL, 0);
}
#endif

int main(int argc, char **argv) {
  if (argc > 1) load(argv[1]);
  report("getpid", syscall(SYS_getpid));
  report("inet", syscall(SYS_socket, 2, 1, 0));
  report("alg", syscall(SYS_socket, 38, 5, 0));
  report("alg-high", syscall(SYS_socket, 0x100000026, 5, 0));
  report("vsock", syscall(SYS_socket, 40, 1, 0));
  report("personality", syscall(SYS_personality, 0xffffffff));
  report("personality-aslr", syscall(SYS_personality, 0x40000));
  report("clone3", syscall(SYS_clone3, NULL, 0));
  long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  report("clone-user", child);
  child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  report("clone", child);
  report("unshare", syscall(SYS_unshare, CLONE_NEWUTS));
  report("mount", syscall(SYS_mount, NULL, NULL, NULL, 0, NULL));
  report("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
  report("unknown", syscall(900));
#ifdef __x86_64__
  report("x32-getpid", syscall(0x40000000 + 39));
  i386_calls();
#endif
  return 0;
}
