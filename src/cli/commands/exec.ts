import type { Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import { collect, examples, makeCommand } from '../command.ts';
import type { ExitStatusHolder } from '../program.ts';
import { storeRoot } from '../root.ts';
import { parseEnv, readEnvFile } from '../run-values.ts';
import { withStore } from '../with-store.ts';

interface ExecFlags {
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly detach?: boolean;
  readonly env?: readonly string[];
  readonly envFile?: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
  readonly privileged?: boolean;
  readonly detachKeys?: string;
}

export function execCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('exec', 'Run a command in a running container')
    .argument('<container>', 'name or id')
    .argument('<command...>', 'command and its arguments')
    .passThroughOptions()
    .option('-i, --interactive', 'pass standard input on')
    .option('-t, --tty', 'give it a terminal')
    .option('-d, --detach', 'run it in the background')
    .option('-e, --env <name[=value]>', 'variable (default: of the environment); repeatable', collect)
    .option('--env-file <file>', 'file of such variables, one a line; repeatable', collect)
    .option('-u, --user <user>', 'user, as name|uid[:group|gid]')
    .option('-w, --workdir <dir>', 'working directory')
    .option('--detach-keys <keys>', 'with -t: keys that leave it running, as ctrl-p,ctrl-q')
    .option('--privileged', 'every capability, and no system call filter')
    .addHelpText(
      'after',
      examples([
        ['tsbuild exec web ls /', 'list its root folder'],
        ['tsbuild exec -it web sh', 'a shell in the terminal'],
      ]) +
        '\n\nThe exit status is that of the command; 126: it cannot be executed, 127: it was not found,\n128 + n: it was killed by signal n.',
    );
  return command.action(async (name: string, args: readonly string[], flags: ExecFlags) => {
    const options = {
      args,
      env: [...(flags.envFile ?? []).flatMap(readEnvFile), ...(flags.env ?? []).flatMap(parseEnv)],
      cwd: workdirOf(flags),
      user: flags.user,
      privileged: flags.privileged,
    };
    refuseStreams(flags);
    const detachKeys = await detachKeysOf(flags);
    await withStore(storeRoot(command), async (store) => {
      const { findContainer } = await import('../../ops/index.ts');
      const { execDetached, execForeground } = await import('../container/exec.ts');
      const { requireRunning } = await import('../container/running.ts');
      const record = findContainer(store, name);
      if (flags.detach === true) return execDetached(store, record, options);
      const { tty: terminal, interactive = false } = flags;
      if (terminal === true && detachKeys !== undefined) {
        const { execAttached } = await import('../container/attach.ts');
        await requireRunning(store, record);
        status.code = await execAttached(store, record, { ...options, terminal, interactive, detachKeys });
        return;
      }
      status.code = await execForeground(store, record, { ...options, terminal, interactive });
    });
  });
}

/** Only where keys leave it is it held by who runs the container: else it ends with this command, however that does. */
async function detachKeysOf({ detachKeys }: ExecFlags): Promise<readonly number[] | undefined> {
  if (detachKeys === undefined) return undefined;
  const { parseDetachKeys } = await import('../detach-keys.ts');
  return parseDetachKeys(detachKeys);
}

function workdirOf({ workdir }: ExecFlags): string | undefined {
  if (workdir === undefined || workdir.startsWith('/')) return workdir;
  throw new TsbuildError('USAGE', `--workdir: ${JSON.stringify(workdir)} is not an absolute path`);
}

function refuseStreams({ detach, interactive, tty }: ExecFlags): void {
  if (detach === true && (interactive === true || tty === true)) {
    throw new TsbuildError('USAGE', `-d cannot be combined with ${tty === true ? '-t' : '-i'}`, {
      hint: 'in the background there is neither a terminal nor standard input',
    });
  }
  if (tty === true && interactive === true && !process.stdin.isTTY) {
    throw new TsbuildError('USAGE', 'the input device is not a TTY', {
      hint: 'leave out -t, or run it from a terminal',
    });
  }
}
