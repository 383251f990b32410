import { beforeAll } from 'vitest';
import { busyboxName, busyboxTar } from './busybox.ts';
import { tsbuild, type Tsbuild } from './cli.ts';
import { requires } from './requires.ts';

/** A command line with busybox, and what tests of `run` do with it. */
export interface RunCli {
  readonly cli: Tsbuild;
  /** Standard output of a shell script in a container, by lines; the script must succeed. */
  readonly sh: (script: string, ...flags: readonly string[]) => Promise<readonly string[]>;
}

/** First line of a describe whose tests run containers of busybox; they are skipped where none can run. */
export function runCli(): RunCli {
  requires('root', 'overlay', 'tool:busybox');
  const cli = tsbuild();
  beforeAll(async () => {
    await cli.ok(['import', await busyboxTar(), busyboxName]);
  });
  return {
    cli,
    sh: async (script, ...flags) =>
      (await cli.ok(['run', '--rm', ...flags, busyboxName, 'sh', '-c', script])).split('\n'),
  };
}
