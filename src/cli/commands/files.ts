import type { Command } from 'commander';

import { TsbuildError, toText } from '../../core/index.ts';
import { writeOutputFile, writeTo } from '../../sys/index.ts';
import { collect, examples, makeCommand } from '../command.ts';
import { interruptSignal } from '../interrupt.ts';
import { formatOption, type ListFormat } from '../list.ts';
import { storeRoot } from '../root.ts';
import { printable } from '../terminal-text.ts';
import { withStore } from '../with-store.ts';

export function diffCommand(): Command {
  const command = makeCommand('diff', 'List the files that a container has added, changed or deleted')
    .argument('<container>', 'name or id')
    .addOption(formatOption());
  return command.action(async (name: string, flags: { format: ListFormat }) => {
    using interrupt = interruptSignal();
    await withStore(storeRoot(command), async (store) => {
      const { containerChanges, findContainer } = await import('../../ops/index.ts');
      const changes = await containerChanges(store, findContainer(store, name), interrupt.signal);
      const lines = changes.map(({ kind, path }) =>
        flags.format === 'json'
          ? JSON.stringify({ Kind: kind, Path: toText(path) })
          : `${kind} ${printable(toText(path).replaceAll('\n', '\ufffd'))}`,
      );
      await writeTo(process.stdout, lines.map((line) => `${line}\n`).join(''));
    });
  });
}

export function exportCommand(): Command {
  const command = makeCommand('export', 'Write the root file system of a container as a tar')
    .argument('<container>', 'name or id')
    .option('-o, --output <file>', 'the tar (default: standard output)')
    .addHelpText(
      'after',
      examples([
        ['tsbuild export -o files.tar web', 'write the files of web into files.tar'],
        ['tsbuild export web | tsbuild import - web-flat', 'make an image of one layer of them'],
      ]),
    );
  return command.action(async (name: string, { output }: { output?: string }) => {
    if (output === undefined && process.stdout.isTTY) {
      throw new TsbuildError('USAGE', 'refusing to write an archive to a terminal', {
        hint: 'use -o FILE, or redirect standard output',
      });
    }
    using interrupt = interruptSignal();
    await withStore(storeRoot(command), async (store) => {
      const { exportContainer, findContainer } = await import('../../ops/index.ts');
      const record = findContainer(store, name);
      const write = (sink: (chunk: Uint8Array) => Promise<void>): Promise<void> =>
        exportContainer(record, sink, interrupt.signal);
      if (output === undefined) await write((chunk) => writeTo(process.stdout, chunk));
      else await writeOutputFile(output, write);
    });
  });
}

interface CommitFlags {
  readonly message?: string;
  readonly author?: string;
  readonly change?: readonly string[];
  readonly pause: string | boolean;
}

export function commitCommand(): Command {
  const command = makeCommand('commit', 'Make an image of the files of a container')
    .argument('<container>', 'name or id')
    .argument('[name]', 'name for the image')
    .option('-m, --message <text>', 'comment in the history')
    .option('-a, --author <text>', 'who made it')
    .option(
      '-c, --change <instruction>',
      'a Dockerfile instruction for its config, such as CMD or ENV',
      collect,
    )
    .option('-p, --pause [true|false]', 'pause a running container meanwhile', true)
    .addHelpText(
      'after',
      examples([
        ['tsbuild commit -c \'CMD ["serve"]\' web app:2', 'make the image app:2 of web, with this command'],
      ]),
    );
  return command.action(async (name: string, image: string | undefined, flags: CommitFlags) => {
    const pause = booleanOf('--pause', flags.pause);
    using interrupt = interruptSignal();
    await withStore(storeRoot(command), async (store) => {
      const { commitContainer, findContainer } = await import('../../ops/index.ts');
      const { pausedContainer, pausedIfPossible } = await import('../container/paused.ts');
      const record = findContainer(store, name);
      const { message, author, change: changes = [] } = flags;
      const options = { name: image, message, author, changes, signal: interrupt.signal };
      await using _paused = !pause
        ? undefined
        : command.getOptionValueSource('pause') === 'default'
          ? await pausedIfPossible(store, record, (message) => process.stderr.write(`warning: ${message}\n`))
          : await pausedContainer(store, record);
      const committed = await commitContainer(store, record, options);
      await store.settle();
      process.stdout.write(`${committed.id}\n`);
    });
  });
}

function booleanOf(flag: string, value: string | boolean): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new TsbuildError('USAGE', `${flag}: invalid value ${JSON.stringify(value)}`, {
    hint: 'expected true or false',
  });
}
