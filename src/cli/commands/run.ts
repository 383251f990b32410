import { Option, type Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import type { ContainerOptions } from '../../ops/index.ts';
import { examples, makeCommand } from '../command.ts';
import type { ExitStatusHolder } from '../program.ts';
import { storeRoot } from '../root.ts';
import { addRunOptions, runChoices, type RunFlags } from '../run-flags.ts';

interface Flags extends RunFlags {
  readonly detach?: boolean;
  readonly attach?: readonly Stream[];
  readonly printBundle?: string;
}

export function runCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('run', 'Run a command in a new container')
    .option('-d, --detach', 'run in the background, and print the container id')
    .addOption(
      new Option('-a, --attach <stdin|stdout|stderr>', 'only these of its streams; repeatable').argParser(
        collectStream,
      ),
    );
  addRunOptions(command);
  command.option('--print-bundle <dir>', 'run nothing; write an OCI bundle that runc runs the same way');
  command.addHelpText(
    'after',
    examples([
      ['tsbuild run --rm app', 'run app, and leave nothing behind'],
      ['tsbuild run --rm -it debian:12 bash', 'a shell in the terminal'],
      ['tsbuild run -d --name web -m 256m app', 'in the background; see tsbuild ps, logs and stop'],
      ['tsbuild run --rm -v ./data:/data:ro app ls /data', 'with a folder of this machine'],
      ['tsbuild run -d -v db:/var/lib/db app', 'with a named volume; see tsbuild volume'],
    ]) +
      '\n\nThe exit status is that of the command; 125: tsbuild failed, 126: the command cannot be\nexecuted, 127: it was not found, 128 + n: it was killed by signal n.',
  );
  return command.action(async (image: string, args: readonly string[], flags: Flags) => {
    const streams = streamsOf(flags);
    const { container, ...choices } = await runChoices(flags, args);
    const { runImage } = await import('../container/run-image.ts');
    status.code = await runImage({
      ...choices,
      root: storeRoot(command),
      imageName: image,
      detach: flags.detach === true,
      bundle: flags.printBundle,
      container: { ...container, ...streams },
    });
  });
}

type Stream = 'stdin' | 'stdout' | 'stderr';

function collectStream(text: string, earlier: readonly Stream[] | undefined): readonly Stream[] {
  const word = text.toLowerCase();
  if (word === 'stdin' || word === 'stdout' || word === 'stderr') return [...(earlier ?? []), word];
  throw new TsbuildError('USAGE', `--attach: invalid value ${JSON.stringify(text)}`, {
    hint: 'expected stdin, stdout or stderr',
  });
}

type Streams = Pick<ContainerOptions, 'stdio' | 'stdin' | 'muted' | 'openStdin'>;

function streamsOf({ interactive = false, tty = false, detach = false, attach }: Flags): Streams {
  if (detach && attach !== undefined) {
    throw new TsbuildError('USAGE', '-d cannot be combined with -a', {
      hint: 'tsbuild attach shows the streams of a container in the background',
    });
  }
  const openStdin = interactive || attach?.includes('stdin') === true;
  if (detach) return { stdio: tty ? 'terminal' : 'pipe', openStdin };
  if (tty && openStdin && !process.stdin.isTTY) {
    throw new TsbuildError('USAGE', 'the input device is not a TTY', {
      hint: 'leave out -t, or run it from a terminal',
    });
  }
  const wanted = attach?.some((stream) => stream !== 'stdin') === true ? attach : undefined;
  const muted = (['stdout', 'stderr'] as const).filter((name) => wanted?.includes(name) === false);
  return {
    stdio: tty ? 'terminal' : 'inherit',
    stdin: openStdin ? 'caller' : 'none',
    openStdin,
    ...(muted.length > 0 && { muted }),
  };
}
