import { readFileSync } from 'node:fs';

import { Command, Option } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import type { ContainerSpec } from '../../runtime/index.ts';
import { addLimitOptions, collect, limitsOf } from '../limits.ts';
import type { ExitStatusHolder } from '../program.ts';
import { storeRoot } from '../root.ts';

interface RunFlags {
  readonly rm?: boolean;
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly detach?: boolean;
  readonly name?: string;
  readonly env?: readonly string[];
  readonly envFile?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly entrypoint?: string;
  readonly volume?: readonly string[];
  readonly network: 'host' | 'none';
  readonly readOnly?: boolean;
  readonly hostname?: string;
}

export function runCommand(status: ExitStatusHolder): Command {
  const command = new Command('run')
    .description('run a command in a new container')
    .argument('<image>', 'name or id of an image; pulled when the store does not have it')
    .argument('[command...]', 'command and its arguments, instead of the image’s')
    .passThroughOptions()
    .option('--root <dir>', 'folder of the store')
    .option('--rm', 'remove the container when it ends')
    .option('-i, --interactive', 'pass standard input on')
    .option('-t, --tty', 'give it a terminal')
    .option('-d, --detach', 'run in the background and print the container id')
    .option('--name <name>', 'name of the container')
    .option(
      '-e, --env <name[=value]>',
      'environment variable; without a value, that of the environment (repeatable)',
      collect,
    )
    .option('--env-file <file>', 'file of environment variables (repeatable)', collect)
    .option('-w, --workdir <dir>', 'working directory')
    .option('-u, --user <user>', 'user, as name|uid[:group|gid]')
    .option('--entrypoint <command>', 'replaces the entrypoint of the image; empty clears it')
    .option('-v, --volume <src:dst[:ro]>', 'host folder or file to mount (repeatable)', collect)
    .addOption(
      new Option('--network <mode>', "network; host is the machine's own")
        .choices(['host', 'none'])
        .default('host'),
    )
    .option('--read-only', 'mount the root file system read-only')
    .option('--hostname <name>', 'host name of the container');
  return addLimitOptions(command).action(async (image: string, args: readonly string[], flags: RunFlags) => {
    status.code = await run(command, { image, args, flags });
  });
}

async function run(
  command: Command,
  request: { readonly image: string; readonly args: readonly string[]; readonly flags: RunFlags },
): Promise<number> {
  const { image, args, flags } = request;
  const { parseVolume } = await import('../../ops/index.ts');
  const mounts = (flags.volume ?? []).map(parseVolume);
  const { runImage } = await import('../container/run-image.ts');
  return runImage({
    root: storeRoot(command),
    imageName: image,
    detach: flags.detach === true,
    container: {
      name: flags.name,
      args,
      entrypoint:
        flags.entrypoint === undefined ? undefined : flags.entrypoint === '' ? [] : [flags.entrypoint],
      env: [...(flags.envFile ?? []).flatMap(readEnvFile), ...(flags.env ?? []).flatMap(fromEnvironment)],
      cwd: flags.workdir,
      user: flags.user,
      hostname: flags.hostname,
      network: flags.network,
      mounts,
      readonlyRootfs: flags.readOnly === true,
      limits: limitsOf(command.opts()),
      ...stdioOf(flags),
      autoRemove: flags.rm === true,
    },
  });
}

function stdioOf({ interactive, tty, detach }: RunFlags): Pick<ContainerSpec, 'stdio' | 'stdin'> {
  if (detach === true) return { stdio: 'pipe' };
  if (tty === true && interactive === true && !process.stdin.isTTY) {
    throw new TsbuildError('USAGE', 'the input device is not a TTY', {
      hint: 'leave out -t, or run it from a terminal',
    });
  }
  return { stdio: tty === true ? 'terminal' : 'inherit', stdin: interactive === true ? 'caller' : 'none' };
}

/** `NAME=value`, or `NAME` for the value here; unset here, it is not passed at all. */
function fromEnvironment(text: string): readonly string[] {
  if (text.includes('=')) return [text];
  const value = process.env[text];
  return value === undefined ? [] : [`${text}=${value}`];
}

/** docker's format: one variable a line, `#` comments, no quoting. */
function readEnvFile(path: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new TsbuildError('USAGE', `--env-file: cannot read ${path}`, { cause: error });
  }
  return text
    .replace(/^\ufeff/, '')
    .split('\n')
    .map((line) => line.trimStart().replace(/\r$/, ''))
    .filter((line) => line !== '' && !line.startsWith('#'))
    .flatMap(fromEnvironment);
}
