import { Option, type Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import type { ContainerSpec } from '../../runtime/index.ts';
import { collect, examples, makeCommand } from '../command.ts';
import { addLimitOptions, limitsOf } from '../limits.ts';
import type { ExitStatusHolder } from '../program.ts';
import { storeRoot } from '../root.ts';
import { parseEnv, readEnvFile } from '../run-values.ts';

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
  const command = makeCommand('run', 'Run a command in a new container')
    .argument('<image>', 'name or id of an image; pulled when the store does not have it')
    .argument('[command...]', 'command and its arguments, instead of those of the image')
    .passThroughOptions()
    .option('--rm', 'remove the container when it ends')
    .option('-i, --interactive', 'pass standard input on')
    .option('-t, --tty', 'give it a terminal')
    .option('-d, --detach', 'run in the background, and print the container id')
    .option('--name <name>', 'name of the container (default: a random one)')
    .option('-e, --env <name[=value]>', 'variable (default: of the environment); repeatable', collect)
    .option('--env-file <file>', 'file of such variables, one a line; repeatable', collect)
    .option('-w, --workdir <dir>', 'working directory')
    .option('-u, --user <user>', 'user, as name|uid[:group|gid]')
    .option('--entrypoint <program>', 'instead of the entrypoint of the image; empty: none')
    .option('-v, --volume <src:dst[:ro]>', 'folder or file of this machine to mount; repeatable', collect)
    .addOption(
      new Option('--network <host|none>', "the machine's own network, or none")
        .choices(['host', 'none'])
        .default('host'),
    )
    .option('--hostname <name>', 'host name (default: the id of the container)')
    .option('--read-only', 'mount the root file system read-only');
  addLimitOptions(command.optionsGroup('Limits:'));
  command.addHelpText(
    'after',
    examples([
      ['tsbuild run --rm app', 'run app, and leave nothing behind'],
      ['tsbuild run --rm -it debian:12 bash', 'a shell in the terminal'],
      ['tsbuild run -d --name web -m 256m app', 'in the background; see tsbuild ps, logs and stop'],
      ['tsbuild run --rm -v ./data:/data:ro app ls /data', 'with a folder of this machine'],
    ]) +
      '\n\nThe exit status is that of the command; 125: tsbuild failed, 126: the command cannot be\nexecuted, 127: it was not found, 128 + n: it was killed by signal n.',
  );
  return command.action(async (image: string, args: readonly string[], flags: RunFlags) => {
    status.code = await run(command, { image, args, flags });
  });
}

async function run(
  command: Command,
  request: { readonly image: string; readonly args: readonly string[]; readonly flags: RunFlags },
): Promise<number> {
  const { image, args, flags } = request;
  const stdio = stdioOf(flags);
  const env = [...(flags.envFile ?? []).flatMap(readEnvFile), ...(flags.env ?? []).flatMap(parseEnv)];
  const { parseVolumes } = await import('../../ops/index.ts');
  const { runImage } = await import('../container/run-image.ts');
  return runImage({
    root: storeRoot(command),
    imageName: image,
    detach: flags.detach === true,
    container: {
      name: flags.name,
      args,
      entrypoint: entrypointOf(flags),
      env,
      cwd: workdirOf(flags),
      user: flags.user,
      hostname: flags.hostname,
      network: flags.network,
      mounts: parseVolumes(flags.volume ?? []),
      readonlyRootfs: flags.readOnly === true,
      limits: limitsOf(command.opts()),
      ...stdio,
      autoRemove: flags.rm === true,
    },
  });
}

function entrypointOf({ entrypoint }: RunFlags): readonly string[] | undefined {
  if (entrypoint === undefined) return undefined;
  return entrypoint === '' ? [] : [entrypoint];
}

function workdirOf({ workdir }: RunFlags): string | undefined {
  if (workdir === undefined || workdir.startsWith('/')) return workdir;
  throw new TsbuildError('USAGE', `--workdir: ${JSON.stringify(workdir)} is not an absolute path`);
}

function stdioOf({ interactive, tty, detach }: RunFlags): Pick<ContainerSpec, 'stdio' | 'stdin'> {
  if (detach === true) {
    if (interactive !== true && tty !== true) return { stdio: 'pipe' };
    throw new TsbuildError('USAGE', `-d cannot be combined with ${tty === true ? '-t' : '-i'} yet`, {
      hint: 'in the background there is neither a terminal nor standard input',
    });
  }
  if (tty === true && interactive === true && !process.stdin.isTTY) {
    throw new TsbuildError('USAGE', 'the input device is not a TTY', {
      hint: 'leave out -t, or run it from a terminal',
    });
  }
  return { stdio: tty === true ? 'terminal' : 'inherit', stdin: interactive === true ? 'caller' : 'none' };
}
