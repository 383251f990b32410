/*
 * Network namespaces and the sockets made in them.
 *
 * A namespace belongs to a thread. Node's threads must keep theirs: libuv hands work to whichever is free, so one that
 * had moved would connect from the wrong network. What has to happen elsewhere happens in a thread that lives as long
 * as the call and leaves a descriptor behind.
 */
#include "fs.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>

/* The kernel writes no single netlink datagram larger than this; a larger one is EMSGSIZE. */
#define MAX_DATAGRAM (256 * 1024)

struct errand {
  int netns;
  int domain, type, protocol;
  long result;
};

static long failed(void) {
  return -(long)errno;
}

static void *open_new_netns(void *argument) {
  struct errand *errand = argument;
  if (unshare(CLONE_NEWNET) != 0) {
    errand->result = failed();
    return NULL;
  }
  int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  errand->result = fd < 0 ? failed() : fd;
  return NULL;
}

static void *open_socket_there(void *argument) {
  struct errand *errand = argument;
  if (setns(errand->netns, CLONE_NEWNET) != 0) {
    errand->result = failed();
    return NULL;
  }
  int fd = socket(errand->domain, errand->type | SOCK_CLOEXEC, errand->protocol);
  errand->result = fd < 0 ? failed() : fd;
  return NULL;
}

static napi_value run_errand(napi_env env, void *(*work)(void *), struct errand *errand) {
  pthread_t thread;
  int error = pthread_create(&thread, NULL, work, errand);
  if (error != 0) return give_number(env, -error);
  pthread_join(thread, NULL);
  return give_number(env, (double)errand->result);
}

/* newNetns() → descriptor of an empty network namespace, which lives as long as it */
static napi_value run_new_netns(napi_env env, napi_callback_info info) {
  (void)info;
  struct errand errand = {.result = -EINVAL};
  return run_errand(env, open_new_netns, &errand);
}

/* socketIn(namespace descriptor or null, domain, type, protocol) → close-on-exec socket of that namespace */
static napi_value run_socket_in(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  bool here = is_absent(&call, 0);
  struct errand errand = {.netns = here ? -1 : take_int(&call, 0), .result = -EINVAL};
  errand.domain = take_int(&call, 1);
  errand.type = take_int(&call, 2);
  errand.protocol = take_int(&call, 3);
  if (call.error != 0) return give_refusal(&call);
  if (here) return give_result(env, socket(errand.domain, errand.type | SOCK_CLOEXEC, errand.protocol));
  return run_errand(env, open_socket_there, &errand);
}

/* bindInet(socket, IPv4 address as a number, port) */
static napi_value run_bind_inet(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  int fd = take_int(&call, 0);
  uint32_t address = take_uint32(&call, 1), port = take_uint32(&call, 2);
  if (port > UINT16_MAX) call.error = EINVAL;
  if (call.error != 0) return give_refusal(&call);
  struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  where.sin_addr.s_addr = htonl(address);
  return give_result(env, bind(fd, (struct sockaddr *)&where, sizeof where));
}

/* send(socket, bytes) → bytes sent */
static napi_value run_send(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  size_t length;
  int fd = take_int(&call, 0);
  char *bytes = take_bytes(&call, 1, &length);
  if (bytes == NULL) return give_refusal(&call);
  napi_value result = give_result(env, send(fd, bytes, length, MSG_NOSIGNAL));
  free(bytes);
  return result;
}

/* receive(socket) → one datagram that is there already; EAGAIN when there is none */
static napi_value run_receive(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  int fd = take_int(&call, 0);
  if (call.error != 0) return give_refusal(&call);
  char *bytes = malloc(MAX_DATAGRAM);
  if (bytes == NULL) return give_number(env, -ENOMEM);
  ssize_t length = recv(fd, bytes, MAX_DATAGRAM, MSG_DONTWAIT | MSG_TRUNC);
  napi_value result;
  if (length < 0) result = give_result(env, -1);
  else if (length > MAX_DATAGRAM) result = give_number(env, -EMSGSIZE);
  else result = give_bytes(env, bytes, (size_t)length);
  free(bytes);
  return result;
}

void define_network(napi_env env, napi_value exports) {
  static const struct function functions[] = {
      {"newNetns", run_new_netns}, {"socketIn", run_socket_in}, {"bindInet", run_bind_inet},
      {"send", run_send},          {"receive", run_receive},
  };
  define_functions(env, exports, functions, sizeof functions / sizeof functions[0]);
}
