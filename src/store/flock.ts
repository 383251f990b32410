import { spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync, readFileSync, ftruncateSync } from 'node:fs';

/** A held flock. */
export interface Flock {
  readonly fd: number;
  release(): void;
}

export async function tryFlock(path: string): Promise<Flock | undefined> {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  // The lock belongs to the open file description, which outlives the child that took it.
  const { status } = spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
  if (status === 0) return held(fd);
  closeSync(fd);
  return undefined;
}

export async function flock(
  path: string,
  options: { signal?: AbortSignal | undefined; onWait?: ((holder: string) => void) | undefined } = {},
): Promise<Flock> {
  const first = await tryFlock(path);
  if (first !== undefined) return first;
  options.onWait?.(readFileSync(path, 'utf8').trim());
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    await new Promise<void>((resolve, reject) => {
      const child = spawn('flock', ['3'], {
        stdio: ['ignore', 'ignore', 'ignore', fd],
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      child.once('error', reject);
      child.once('exit', (code) => {
        if (code === 0) resolve();
        else reject(new Error(`flock ended with ${code ?? 'a signal'}`));
      });
    });
    return held(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function held(fd: number): Flock {
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`, 0);
  return { fd, release: () => closeSync(fd) };
}

export async function syncFileSystem(folder: string): Promise<void> {
  spawnSync('sync', ['-f', folder]);
}
