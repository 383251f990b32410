import type { Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import type { ContainerSpec } from '../../runtime/index.ts';
import { examples, makeCommand } from '../command.ts';
import type { ExitStatusHolder } from '../program.ts';
import { storeRoot } from '../root.ts';
import { addRunOptions, runChoices, type RunFlags } from '../run-flags.ts';

type Flags = RunFlags & { readonly detach?: boolean; readonly printBundle?: string };

export function runCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('run', 'Run a command in a new container').option(
    '-d, --detach',
    'run in the background, and print the container id',
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
    const stdio = stdioOf(flags);
    const { container, ...choices } = await runChoices(flags, args);
    const { runImage } = await import('../container/run-image.ts');
    status.code = await runImage({
      ...choices,
      root: storeRoot(command),
      imageName: image,
      detach: flags.detach === true,
      container: { ...container, ...stdio },
    });
  });
}

function stdioOf({ interactive, tty, detach }: Flags): Pick<ContainerSpec, 'stdio' | 'stdin'> {
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
