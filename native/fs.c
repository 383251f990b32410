/* The addon's entry, and the passing of arguments and results. See fs.h. */
#include "fs.h"

#include <stdlib.h>

struct call begin_call(napi_env env, napi_callback_info info) {
  struct call call = {.env = env, .count = MAX_ARGS, .error = 0};
  if (napi_get_cb_info(env, info, &call.count, call.args, NULL, NULL) != napi_ok) call.error = EINVAL;
  return call;
}

static bool has(struct call *call, size_t index) {
  if (call->error == 0 && index < call->count) return true;
  if (call->error == 0) call->error = EINVAL;
  return false;
}

int64_t take_int64(struct call *call, size_t index) {
  int64_t value = 0;
  if (has(call, index) && napi_get_value_int64(call->env, call->args[index], &value) != napi_ok) call->error = EINVAL;
  return value;
}

int take_int(struct call *call, size_t index) {
  int64_t value = take_int64(call, index);
  if (value < INT_MIN || value > INT_MAX) call->error = EINVAL;
  return (int)value;
}

uint32_t take_uint32(struct call *call, size_t index) {
  int64_t value = take_int64(call, index);
  if (value < 0 || value > UINT32_MAX) call->error = EINVAL;
  return (uint32_t)value;
}

bool is_absent(struct call *call, size_t index) {
  napi_valuetype type = napi_undefined;
  if (index < call->count) napi_typeof(call->env, call->args[index], &type);
  return type == napi_undefined || type == napi_null;
}

/*
 * Node's own latin1 conversion keeps the low byte of every character, so U+012F would become a slash. A character
 * that is no byte is refused instead.
 */
static bool narrow(char *bytes, const char16_t *wide, size_t length) {
  unsigned seen = 0;
  for (size_t i = 0; i < length; i++) {
    seen |= wide[i];
    bytes[i] = (char)wide[i];
  }
  return seen <= 0xff;
}

void take_text(struct call *call, size_t index, struct text *text) {
  char16_t wide[PATH_MAX + 1];
  size_t length = 0;
  text->bytes[0] = 0;
  if (!has(call, index)) return;
  if (napi_get_value_string_utf16(call->env, call->args[index], wide, PATH_MAX + 1, &length) != napi_ok) {
    call->error = EINVAL;
    return;
  }
  if (length >= PATH_MAX) {
    call->error = ENAMETOOLONG;
    return;
  }
  bool are_bytes = narrow(text->bytes, wide, length);
  text->bytes[length] = 0;
  for (size_t i = 0; i < length; i++) {
    /* A NUL would cut the name short: another file than the caller named. */
    if (text->bytes[i] == 0) are_bytes = false;
  }
  if (!are_bytes) call->error = EINVAL;
}

char *take_bytes(struct call *call, size_t index, size_t *length) {
  *length = 0;
  if (!has(call, index)) return NULL;
  if (napi_get_value_string_utf16(call->env, call->args[index], NULL, 0, length) != napi_ok) {
    call->error = EINVAL;
    return NULL;
  }
  char16_t *wide = malloc((*length + 1) * sizeof *wide);
  char *bytes = malloc(*length + 1);
  if (wide == NULL || bytes == NULL) {
    call->error = ENOMEM;
  } else {
    napi_get_value_string_utf16(call->env, call->args[index], wide, *length + 1, length);
    if (!narrow(bytes, wide, *length)) call->error = EINVAL;
    bytes[*length] = 0;
  }
  free(wide);
  if (call->error == 0) return bytes;
  free(bytes);
  return NULL;
}

napi_value give_number(napi_env env, double number) {
  napi_value value = NULL;
  napi_create_double(env, number, &value);
  return value;
}

napi_value give_bytes(napi_env env, const char *bytes, size_t length) {
  napi_value value = NULL;
  napi_create_string_latin1(env, bytes, length, &value);
  return value;
}

napi_value give_result(napi_env env, long result) {
  napi_value value = NULL;
  napi_create_int64(env, result == -1 ? -errno : result, &value);
  return value;
}

napi_value give_refusal(const struct call *call) {
  return give_number(call->env, -call->error);
}

void define_functions(napi_env env, napi_value exports, const struct function *functions, size_t count) {
  for (size_t i = 0; i < count; i++) {
    napi_value value = NULL;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].run, NULL, &value);
    napi_set_named_property(env, exports, functions[i].name, value);
  }
}

static void free_instance(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

NAPI_MODULE_INIT() {
  struct instance *instance = malloc(sizeof *instance);
  void *numbers = NULL;
  napi_value buffer = NULL, array = NULL;
  if (instance == NULL) return NULL;
  napi_create_arraybuffer(env, STAT_NUMBERS * sizeof(double), &numbers, &buffer);
  napi_create_typedarray(env, napi_float64_array, STAT_NUMBERS, buffer, 0, &array);
  /* Exported and never detached, so the memory lives as long as the environment that writes to it. */
  napi_ref keep = NULL;
  napi_create_reference(env, array, 1, &keep);
  instance->stat = numbers;
  napi_set_instance_data(env, instance, free_instance, NULL);
  napi_set_named_property(env, exports, "statNumbers", array);
  define_files(env, exports);
  define_copies(env, exports);
  define_folders(env, exports);
  define_digests(env, exports);
  define_descriptors(env, exports);
  define_xattrs(env, exports);
  define_mounts(env, exports);
  define_network(env, exports);
  define_process(env, exports);
  define_probe(env, exports);
  define_spawn(env, exports);
  define_hashes(env, exports);
  define_packing(env, exports);
  return exports;
}
