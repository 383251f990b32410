/* Compression as a job for the thread pool. */
#include "fs_pack.h"

#include <stdlib.h>

struct job {
  napi_async_work work;
  napi_deferred deferred;
  /* Keep what the thread reads and writes. */
  napi_ref out_ref, bytes_ref;
  pack_function pack;
  struct piece piece;
  double result;
};

static void run_job(napi_env env, void *data) {
  (void)env;
  struct job *job = data;
  job->result = job->pack(&job->piece);
}

static void free_job(napi_env env, struct job *job) {
  if (job->out_ref != NULL) napi_delete_reference(env, job->out_ref);
  if (job->bytes_ref != NULL) napi_delete_reference(env, job->bytes_ref);
  free(job);
}

static void end_job(napi_env env, napi_status status, void *data) {
  struct job *job = data;
  napi_resolve_deferred(env, job->deferred, give_number(env, status == napi_ok ? job->result : -ECANCELED));
  napi_delete_async_work(env, job->work);
  free_job(env, job);
}

static napi_value start_job(napi_env env, struct call *call, pack_function pack) {
  struct job *job = calloc(1, sizeof *job);
  if (job == NULL) return give_number(env, -ENOMEM);
  job->pack = pack;
  job->piece.out = take_array(call, 0, napi_uint8_array, &job->piece.room, &job->out_ref);
  job->piece.bytes = take_array(call, 1, napi_uint8_array, &job->piece.length, &job->bytes_ref);
  job->piece.known = take_uint32(call, 2);
  job->piece.level = take_uint32(call, 3);
  napi_value promise = NULL, name = NULL;
  if (call->error == 0) {
    napi_create_string_latin1(env, "pack", NAPI_AUTO_LENGTH, &name);
    if (napi_create_promise(env, &job->deferred, &promise) != napi_ok ||
        napi_create_async_work(env, NULL, name, run_job, end_job, job, &job->work) != napi_ok ||
        napi_queue_async_work(env, job->work) != napi_ok)
      call->error = ENOMEM;
  }
  if (call->error == 0) return promise;
  free_job(env, job);
  return give_refusal(call);
}

/*
 * deflate(out, bytes, known, level) → a promise of the bytes written, or of -errno. The first `known` bytes only serve
 * to refer back to. Neither array may be touched meanwhile.
 */
static napi_value run_deflate(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  return start_job(env, &call, deflate_piece);
}

/* zstdFrame(out, bytes, 0, level) → as above; -ENOSYS where this Node lends no zstd to addons */
static napi_value run_zstd_frame(napi_env env, napi_callback_info info) {
  struct call call = begin_call(env, info);
  if (!find_zstd()) return give_number(env, -ENOSYS);
  return start_job(env, &call, zstd_frame);
}

void define_packing(napi_env env, napi_value exports) {
  static const struct function functions[] = {{"deflate", run_deflate}, {"zstdFrame", run_zstd_frame}};
  define_functions(env, exports, functions, sizeof functions / sizeof functions[0]);
}
