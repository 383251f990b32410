/* Sends the messages given as hex digits to the agent at $SSH_AUTH_SOCK and prints the type of each answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void take(int fd, unsigned char *to, size_t length) {
  while (length > 0) {
    ssize_t got = read(fd, to, length);
    if (got <= 0) {
      puts("closed");
      exit(1);
    }
    to += got, length -= (size_t)got;
  }
}

int main(int argc, char **argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  strncpy(address.sun_path, getenv("SSH_AUTH_SOCK"), sizeof address.sun_path - 1);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) return perror("connect"), 1;
  for (int i = 1; i < argc; i++) {
    unsigned char message[4096], answer[65536];
    size_t length = strlen(argv[i]) / 2;
    for (size_t at = 0; at < length; at++) {
      unsigned byte;
      sscanf(argv[i] + 2 * at, "%2x", &byte);
      message[at] = (unsigned char)byte;
    }
    if (write(fd, message, length) != (ssize_t)length) return 1;
    take(fd, answer, 4);
    size_t size = (size_t)answer[2] << 8 | answer[3];
    take(fd, answer, size);
    printf("%d%s", answer[0], i + 1 < argc ? " " : "\n");
  }
  return 0;
}
