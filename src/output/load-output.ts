import { PassThrough } from 'node:stream';

import { TsbuildError } from '../core/index.ts';
import { writePackedArchive, type PackedResult } from '../image/index.ts';
import { familiarName } from '../oci/index.ts';
import { filterThrough, inUserNamespace, runTool } from '../sys/index.ts';
import { packingFor, packResult, withoutAttestations } from './archive-output.ts';
import { keepOne } from './image-output.ts';
import { fullNames } from './names.ts';
import { onlyImage } from './only-image.ts';
import type { BuiltImages, OutputSpec, WrittenOutput } from './types.ts';
import type { OutputWork } from './work.ts';

type DockerSpec = Extract<OutputSpec, { kind: 'docker' }>;

/** A program that takes an archive on standard input. */
interface Engine {
  readonly name: 'docker' | 'podman';
  readonly load: readonly [string, ...string[]];
}

/**
 * `--load`: into the store, and into the engine of this machine, since whoever says it goes on with `docker run`: Docker's
 * where its daemon answers, else podman's. Where there is none the image is in the store alone, with a warning; that a
 * Docker context asked for by name does not answer is an error.
 */
export async function writeLoadOutput(
  spec: DockerSpec,
  built: BuiltImages,
  work: OutputWork,
): Promise<WrittenOutput> {
  const { store, signal, emit } = work;
  const only = onlyImage(built, '--load');
  const { image } = only;
  const { names } = await keepOne(store, only, fullNames([...work.names, ...spec.names]));
  const written = { kind: 'docker' as const, names, descriptor: image.descriptor, repoDigests: [] };
  const engine = await findEngine(spec.context, signal);
  if (engine === undefined) {
    const message =
      'no Docker engine or podman answers here: the image is in the store of tsbuild alone (tsbuild run, tsbuild save)';
    emit({ type: 'warning', message });
    return written;
  }
  await using folder = await store.tempDir();
  const packing = { ...packingFor(spec.form), folder: folder.path, signal };
  const result = withoutAttestations(await packResult(built, store, packing));
  await load(engine, { result, names, signal });
  return { ...written, engine: engine.name };
}

async function findEngine(context: string | undefined, signal: AbortSignal): Promise<Engine | undefined> {
  const docker = ['docker', ...(context === undefined ? [] : ['--context', context])] as const;
  const answer = await asked([...docker, 'version', '--format', '{{.Server.Version}}'], signal);
  if (answer.answers) return { name: 'docker', load: [...docker, 'load'] };
  if (context !== undefined) {
    throw new TsbuildError(
      'HOST_UNSUPPORTED',
      `the Docker context ${context} does not answer: ${answer.why}`,
    );
  }
  // In the namespace of a build without root, podman would take itself for root's.
  if (inUserNamespace()) return undefined;
  const podman = await asked(['podman', 'version'], signal);
  return podman.answers ? { name: 'podman', load: ['podman', 'load'] } : undefined;
}

/** Milliseconds. A daemon that hangs, or is at the other end of a dead line, is none. */
const patience = 20_000;

async function asked(
  argv: readonly [string, ...string[]],
  signal: AbortSignal,
): Promise<{ readonly answers: boolean; readonly why: string }> {
  const deadline = AbortSignal.timeout(patience);
  try {
    const { status, stderr } = await runTool(argv, { signal: AbortSignal.any([signal, deadline]) });
    return { answers: status === 0, why: stderr.trim() };
  } catch (error) {
    if (deadline.aborted && !signal.aborted)
      return { answers: false, why: `nothing within ${patience / 1000} s` };
    if (error instanceof TsbuildError && error.code === 'HOST_UNSUPPORTED') {
      return { answers: false, why: error.message };
    }
    throw error;
  }
}

async function load(
  engine: Engine,
  image: { readonly result: PackedResult; readonly names: readonly string[]; readonly signal: AbortSignal },
): Promise<void> {
  const { result, names, signal } = image;
  const archive = new PassThrough();
  const writing = writePackedArchive(result, (chunk) => offer(archive, chunk), {
    names,
    format: 'docker',
  }).then(
    () => archive.end(),
    (error: unknown) => archive.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  try {
    // What it says of the image is said by us, once.
    for await (const _ of filterThrough(engine.load, archive, { signal }));
  } catch (error) {
    if (!(error instanceof TsbuildError) || error.code !== 'IO_ERROR') throw error;
    const what = names[0] === undefined ? 'the image' : familiarName(names[0]);
    throw new TsbuildError('IO_ERROR', `${engine.name} does not load ${what}: ${error.message}`, {
      cause: error,
    });
  } finally {
    archive.destroy();
    await writing;
  }
}

/** A copy: the writer uses its buffer again. Waits while the engine is slower than we are. */
async function offer(archive: PassThrough, chunk: Uint8Array): Promise<void> {
  if (archive.destroyed) throw new Error('the engine has stopped reading');
  if (archive.write(Buffer.from(chunk))) return;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const goOn = (): void => resolve(true);
  archive.once('drain', goOn).once('close', goOn);
  await promise;
  archive.off('drain', goOn).off('close', goOn);
}
