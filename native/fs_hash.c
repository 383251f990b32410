/*
 * SHA-256, of the whole at once, or in pieces of which the thread pool takes the large ones: two hashes of the same bytes
 * then take the time of one. The functions are OpenSSL's, which the node executable exports for addons.
 */
#include "fs.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/random.h>

/* Room for an SHA256_CTX, which has 112 bytes in all versions. */
#define STATE_BYTES 128
#define DIGEST_BYTES 32

static struct {
  sha256_function whole;
  int (*init)(void *state);
  int (*update)(void *state, const void *bytes, size_t length);
  int (*final)(unsigned char *digest, void *state);
} sha256;

struct piece {
  napi_async_work work;
  napi_deferred deferred;
  /* Keep what the thread reads and writes. */
  napi_ref state_ref, bytes_ref;
  void *state, *bytes;
  size_t length;
};

/* The memory of a Uint8Array that has at least so many bytes. */
static void *take_memory(struct call *call, size_t index, size_t least, size_t *length) {
  napi_typedarray_type type;
  void *memory = NULL;
  if (call->error == 0 &&
      (index >= call->count ||
       napi_get_typedarray_info(call->env, call->args[index], &type, length, &memory, NULL, NULL) != napi_ok ||
       type != napi_uint8_array || *length < least))
    call->error = EINVAL;
  return memory;
}

static void write_hex(char *hex, const unsigned char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    hex[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
    hex[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
  }
}

/* sha256(bytes, or a string that counts as UTF-8) → its digest in hexadecimal; -ENOSYS as above */
static napi_value run_sha256(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  if (sha256.whole == NULL) return give_number(env, -ENOSYS);
  char some[16 * 1024], *text = some, hex[2 * DIGEST_BYTES];
  void *bytes = NULL;
  size_t length = 0;
  if (call.count > 0 && napi_get_value_string_utf8(env, call.args[0], NULL, 0, &length) == napi_ok) {
    if (length >= sizeof some) text = malloc(length + 1);
    if (text == NULL) return give_number(env, -ENOMEM);
    napi_get_value_string_utf8(env, call.args[0], text, length + 1, &length);
    bytes = text;
  } else {
    bytes = take_memory(&call, 0, 0, &length);
  }
  if (call.error == 0) {
    unsigned char digest[DIGEST_BYTES];
    /* For lack of memory, or of the algorithm in OpenSSL's configuration: Node's own call says so in words. */
    if (sha256.whole(bytes, length, digest) == NULL) call.error = ENOSYS;
    else write_hex(hex, digest, sizeof digest);
  }
  if (text != some) free(text);
  return call.error == 0 ? give_bytes(env, hex, sizeof hex) : give_refusal(&call);
}

#define MOST_RANDOM 64

/* randomHex(count of bytes) → as hexadecimal */
static napi_value run_random_hex(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  uint32_t count = take_uint32(&call, 0);
  if (call.error == 0 && count > MOST_RANDOM) call.error = EINVAL;
  if (call.error != 0) return give_refusal(&call);
  unsigned char bytes[MOST_RANDOM];
  char hex[2 * MOST_RANDOM];
  /* Not interrupted and never short up to 256 bytes (random(4), getrandom(2)). */
  if (getrandom(bytes, count, 0) != (ssize_t)count) return give_number(env, -errno);
  write_hex(hex, bytes, count);
  return give_bytes(env, hex, 2 * count);
}

/* hashBegin(state of 128 bytes) → 0; -ENOSYS where Node does not export the functions */
static napi_value run_hash_begin(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  size_t length = 0;
  void *state = take_memory(&call, 0, STATE_BYTES, &length);
  if (call.error == 0 && (sha256.init == NULL || sha256.update == NULL || sha256.final == NULL)) call.error = ENOSYS;
  if (call.error == 0) sha256.init(state);
  return call.error == 0 ? give_number(env, 0) : give_refusal(&call);
}

/* hashUpdate(state, bytes) → 0 */
static napi_value run_hash_update(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  size_t room = 0, length = 0;
  void *state = take_memory(&call, 0, STATE_BYTES, &room), *bytes = take_memory(&call, 1, 0, &length);
  if (call.error == 0) sha256.update(state, bytes, length);
  return call.error == 0 ? give_number(env, 0) : give_refusal(&call);
}

/* hashEnd(state, digest of 32 bytes) → 0 */
static napi_value run_hash_end(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  size_t room = 0, length = 0;
  void *state = take_memory(&call, 0, STATE_BYTES, &room), *digest = take_memory(&call, 1, DIGEST_BYTES, &length);
  if (call.error == 0) sha256.final(digest, state);
  return call.error == 0 ? give_number(env, 0) : give_refusal(&call);
}

static void hash_piece(napi_env env, void *data) {
  struct piece *piece = data;
  (void)env;
  sha256.update(piece->state, piece->bytes, piece->length);
}

static void free_piece(napi_env env, struct piece *piece) {
  if (piece->state_ref != NULL) napi_delete_reference(env, piece->state_ref);
  if (piece->bytes_ref != NULL) napi_delete_reference(env, piece->bytes_ref);
  free(piece);
}

static void end_piece(napi_env env, napi_status status, void *data) {
  struct piece *piece = data;
  (void)status;
  napi_resolve_deferred(env, piece->deferred, give_number(env, 0));
  napi_delete_async_work(env, piece->work);
  free_piece(env, piece);
}

/* hashAside(state, bytes) → promise; both are left alone until it settles */
static napi_value run_hash_aside(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  struct piece *piece = calloc(1, sizeof *piece);
  if (piece == NULL) return give_number(env, -ENOMEM);
  size_t room = 0;
  piece->state = take_memory(&call, 0, STATE_BYTES, &room);
  piece->bytes = take_memory(&call, 1, 0, &piece->length);
  napi_value promise = NULL, name = NULL;
  if (call.error == 0) {
    napi_create_string_utf8(env, "hashAside", NAPI_AUTO_LENGTH, &name);
    if (napi_create_reference(env, call.args[0], 1, &piece->state_ref) != napi_ok ||
        napi_create_reference(env, call.args[1], 1, &piece->bytes_ref) != napi_ok ||
        napi_create_promise(env, &piece->deferred, &promise) != napi_ok ||
        napi_create_async_work(env, NULL, name, hash_piece, end_piece, piece, &piece->work) != napi_ok ||
        napi_queue_async_work(env, piece->work) != napi_ok)
      call.error = ENOMEM;
  }
  if (call.error == 0) return promise;
  free_piece(env, piece);
  return give_refusal(&call);
}

void define_hashes(napi_env env, napi_value exports) {
  static const struct function functions[] = {
      {"sha256", run_sha256},
      {"randomHex", run_random_hex},
      {"hashBegin", run_hash_begin},
      {"hashUpdate", run_hash_update},
      {"hashAside", run_hash_aside},
      {"hashEnd", run_hash_end},
  };
  *(void **)&sha256.whole = dlsym(RTLD_DEFAULT, "SHA256");
  *(void **)&sha256.init = dlsym(RTLD_DEFAULT, "SHA256_Init");
  *(void **)&sha256.update = dlsym(RTLD_DEFAULT, "SHA256_Update");
  *(void **)&sha256.final = dlsym(RTLD_DEFAULT, "SHA256_Final");
  define_functions(env, exports, functions, sizeof functions / sizeof functions[0]);
}
