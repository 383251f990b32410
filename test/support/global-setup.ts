import { createServer } from 'node:net';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startDockerEngine, type DockerClient } from './docker-engine.ts';
import { clearFolder, makeRunFolder } from './run-folder.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A folder of this run of the tests, removed at its end. */
    runFolder: string;
    /** A socket: whoever connects gets the address of the run's Docker engine as one line, once it is up. */
    engineSocket: string;
    /** What all random series of this run start from; TSBUILD_SEED sets it. */
    seed: number;
  }
}

type RunningEngine = DockerClient & AsyncDisposable;

/**
 * Runs once around all tests. The Docker engine belongs to this process because it outlives the test files' own; it is
 * started when the first test asks for it.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const seed = Number(process.env['TSBUILD_SEED'] ?? Date.now() % 2 ** 31) | 0;
  process.stdout.write(`seed ${seed} (TSBUILD_SEED=${seed} repeats it)\n`);
  project.provide('seed', seed);
  const runFolder = await makeRunFolder();
  const engineSocket = join(runFolder, 'engine.sock');
  let engine: Promise<RunningEngine> | undefined;
  const server = createServer((connection) => {
    connection.on('error', () => undefined);
    engine ??= startWithBase(join(runFolder, 'docker'));
    engine.then(
      ({ address }) => connection.end(JSON.stringify({ address })),
      (error: unknown) => connection.end(JSON.stringify({ error: String(error) })),
    );
  });
  await new Promise<void>((resolve) => server.listen(engineSocket, resolve));
  project.provide('runFolder', runFolder);
  project.provide('engineSocket', engineSocket);
  return async () => {
    server.close();
    const running = await engine?.catch(() => undefined);
    await running?.[Symbol.asyncDispose]();
    await clearFolder(runFolder);
  };
}

async function startWithBase(folder: string): Promise<RunningEngine> {
  const engine = await startDockerEngine(folder);
  await engine.importDebianBase();
  return engine;
}
