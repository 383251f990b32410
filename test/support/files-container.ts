import { setTimeout as sleep } from 'node:timers/promises';
import { tsbuildWithBusybox, type Tsbuild } from './cli.ts';

/** A command line with busybox, and what tests of containers' files do with it. */
export interface FilesCli extends Tsbuild {
  /** Makes a container by running a shell script to its end. */
  ended(name: string, script: string, ...flags: readonly string[]): Promise<void>;
  /** Starts a container in the background that goes on after its script, and waits until that is done. */
  running(name: string, script: string, ...flags: readonly string[]): Promise<void>;
}

export async function filesCli(): Promise<FilesCli> {
  const cli = await tsbuildWithBusybox();
  const made = (name: string, flags: readonly string[]): readonly string[] => [
    'run',
    '--name',
    name,
    ...flags,
  ];
  return {
    ...cli,
    async ended(name, script, ...flags) {
      await cli.ok([...made(name, flags), 'busybox:1', 'sh', '-c', script]);
    },
    async running(name, script, ...flags) {
      await cli.ok([
        ...made(name, ['-d', ...flags]),
        'busybox:1',
        'sh',
        '-c',
        `${script}\necho ready; sleep 1000`,
      ]);
      while (!(await cli.ok(['logs', name])).includes('ready')) await sleep(20);
    },
  };
}
