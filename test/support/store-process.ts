import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface StoreProcess extends AsyncDisposable {
  /** The next line it prints. */
  line(): Promise<string>;
  /** Lets it go on and waits for its end; its exit status. */
  finish(): Promise<number>;
  /** kill -9, and waits until it is dead. */
  kill(): Promise<void>;
}

/** Starts store-child.ts, a process of its own on the store at `root`; bind it with `await using`. */
export function storeProcess(root: string, ...command: readonly string[]): StoreProcess {
  const script = join(import.meta.dirname, 'store-child.ts');
  const child: ChildProcessWithoutNullStreams = spawn(process.execPath, [script, root, ...command]);
  child.stderr.pipe(process.stderr);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const ended = once(child, 'close');
  const end = async (): Promise<number> => {
    await ended;
    return child.exitCode ?? 128;
  };
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await end();
  };
  return {
    line: async () => {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`the process ended with ${await end()} before it printed a line`);
      return value;
    },
    finish: async () => {
      child.stdin.end();
      return end();
    },
    kill,
    [Symbol.asyncDispose]: kill,
  };
}
